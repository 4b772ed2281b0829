from pathlib import Path


def test_the_base_comes_first_and_is_everybodys_parent(client, server):
    told = client.get("/v1/models").json()
    base, *adapters = told["data"]
    assert told["object"] == "list" and base["id"] == "tiny" and base["parent"] is None
    assert base["max_model_len"] == server.service.model.longest
    assert len(adapters) == 8 and {each["parent"] for each in adapters} == {"tiny"}
    for each in told["data"]:
        assert Path(each["root"]).is_dir() and each["object"] == "model"
        assert client.get(f"/v1/models/{each['id']}").json() == each
    assert client.get("/v1/models/nobody").status_code == 404


def test_it_is_well_and_says_what_it_is(client):
    for path in ("/health", "/ping"):
        assert client.get(path).status_code == 200
    assert client.get("/version").json()["version"]
    assert client.get("/nowhere").json()["error"]["type"] == "NotFoundError"
    wrong = client.get("/v1/completions")
    assert wrong.status_code == 405 and wrong.json()["error"]["code"] == 405

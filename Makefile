# Every target's comment is its line in `make help`.
PYTHON ?= python3.11
SHELL := /bin/bash -o pipefail
BIN := .venv/bin
READY := .venv/.ready

.PHONY: run test fuzz coverage sweep ui bench bench-kernels lint clean help

run: $(READY) ## one Zipf experiment on the embedded model
	$(BIN)/python -m pipeline +experiment=zipf

test: $(READY) ## the whole test suite
	$(BIN)/python -m pytest

fuzz: $(READY) ## the property tests alone, on examples nobody has tried
	$(BIN)/python -m pytest -m hypothesis --hypothesis-profile=default

coverage: $(READY) ## how often the intervals of a comparison hold the truth, by simulation
	$(BIN)/python -m pipeline.compare.coverage

sweep: $(READY) ## the experiment over skew, batch size and engine, with a report
	$(BIN)/python -m pipeline +experiment=zipf_sweep

ui: $(READY) ## MLflow's pages over the runs, at http://127.0.0.1:5000
	MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
	$(BIN)/mlflow server --backend-store-uri sqlite:///$(CURDIR)/mlruns/mlflow.db \
	  --artifacts-destination $(CURDIR)/mlruns/artifacts --host 127.0.0.1 --port 5000

BENCH := bench bench_identical bench_zipf bench_base bench_single bench_wide bench_prefill \
  bench_seven bench_batches bench_adapters

bench: $(READY) ## the engines side by side at TinyLlama's size: hours; goes on where it was stopped
	failed=0; for each in $(BENCH); do $(BIN)/python -m pipeline +experiment=$$each \
	  hydra.sweep.dir=runs/bench/$$each || failed=1; done; \
	$(BIN)/python -m pipeline.compare runs/bench && exit $$failed

bench-kernels: $(READY) ## our kernels alone, against torch and the memory limit
	$(BIN)/python -m pipeline.engines.multilora.kernels.bench

lint: $(READY) ## ruff and mypy
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy pipeline

clean: ## remove the virtualenv and caches; runs and mlruns stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis runs/.cache

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

$(READY): requirements.txt llama.cmake
	@command -v c++ > /dev/null || { echo "llama.cpp needs a C++ compiler: apt-get install g++"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Compiling llama.cpp: two to three minutes on two cores, once a pip cache."
	@CMAKE_ARGS="-DLLAVA_BUILD=OFF -DCMAKE_PROJECT_llama.cpp_INCLUDE=$(CURDIR)/llama.cmake" \
	$(BIN)/python -m pip install -v $$(grep -o '^llama-cpp-python[^ ]*' requirements.txt) \
	  | sed -un 's/^ *\(\[[0-9]*\/[0-9]*\]\).*/llama.cpp \1/p'
	$(BIN)/python -m pip install --quiet -r requirements.txt
	touch $@

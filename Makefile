# What people run. Everything that takes more than a line is in scripts/.
#   make demo ARGS="--for 40s"     make test ARGS="tests/agent -x"     PYTHON=python3.12 VENV=/tmp/venv make check
PYTHON ?= python3
VENV ?= .venv
export PYTHON VENV
# Byte code is kept, whatever the environment says: hundreds of tests start programs, and each would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-latest test-newest soak-tests check examples docs bench budget campus chaos incidents pictures truth page fuzz mutants deb bundle release upgrade-test check-manifests try-package try-image fmt

help:
	@echo "make demo   the whole path on this machine, no server needed; then open http://127.0.0.1:8080"
	@echo "make test   every test, against real servers (Debian packages, installed when missing)"
	@echo "make test-latest  the same with the newest libraries that pyproject.toml allows, in an environment of its own"
	@echo "make test-newest  the quick half of the tests on the newest Python of this machine, found on PATH or in pyenv"
	@echo "make soak-tests   every test 20 times under load; ARGS=3 for three times"
	@echo "make check  format, lint, imports, types, generated files, rules, documentation, wheel"
	@echo "make examples   every command and document of the documentation and of every --help, executed; a minute"
	@echo "make docs   the documentation as a site: build/docs/index.html; a broken link fails it"
	@echo "make bench  what everything costs, beside peers, into benchmarks/RESULTS.md; ARGS='A page' for some of it"
	@echo "make budget  instructions and calls of the hot paths, compared with those of the last commit that explains them"
	@echo "make campus  3,076 simulated devices on one agent: cold start, flapping devices, restarts of broker and agent; 5 minutes"
	@echo "make chaos  kills and outages on real processes, and the account of every message; ARGS=quick for a minute of it, ARGS=soak for hours"
	@echo "make incidents  every fault of the simulator over the real chain: what is told, how soon; ARGS=edge, ai-hall (--wave N), storms or healthy"
	@echo "make pictures   docs/images/boards anew: each dashboard, drawn by Perses from live data of a simulated site; needs npm"
	@echo "make truth  derived figures, energy balances and 200 failures beside the simulator's truth; ARGS=quick for a minute of it"
	@echo "make page   ten faults of a simulated site, read from the page in Chromium; ARGS=pictures takes those of docs/images"
	@echo "make fuzz   wrong answers of devices, wrong MQTT documents and damaged files, a minute of each; ARGS='mqtt_documents --seconds=600'"
	@echo "make fuzz-api  the JSON API against its OpenAPI document, with 200 requests for each address; EXAMPLES=1000 for more"
	@echo "make mutants  small breaks of the code, each of which must fail a test; ARGS=named for those named by people, ARGS=sample for 40"
	@echo "make deb    a Debian package for this release of Debian: dist/rackflow_VERSION_ARCHITECTURE.deb"
	@echo "make bundle   an archive for sites without internet: wheels, units, rules, dashboards, docs, SBOM and an installer"
	@echo "make release   version, changelog, tag, packages, checksums, provenance; ARGS=0.2.0, ARGS=--dry-run to see what, ARGS=--twice to compare two builds"
	@echo "make upgrade-test   running agents and collectors of the previous release are upgraded, in either order; nothing is lost"
	@echo "make check-manifests  deploy/kubernetes against the published schemas, with kubeconform; needs Go and kubectl"
	@echo "make try-package  as root: the Debian package on a fresh Debian under systemd, from 205 unknown devices of twelve families to purge; ARGS=dist/FILE.deb to try that one"
	@echo "make try-image  as root: the container image, built without a registry, and the services of compose but Grafana, started together; 10 minutes the first time"
	@echo "make fmt    format and fix what can be fixed"

demo:
	@scripts/venv sim
	@exec $(VENV)/bin/rackflow-demo $(ARGS)

test:
	@scripts/test $(ARGS)

test-latest:
	@scripts/test-latest $(ARGS)

test-newest:
	@scripts/test-newest $(ARGS)

soak-tests:
	@scripts/soak-tests $(ARGS)

check:
	@scripts/check

examples:
	@scripts/venv dev
	@RACKFLOW_ALL_EXAMPLES=1 $(VENV)/bin/python -m pytest tests/examples -q $(ARGS)

docs:
	@scripts/docs
	@echo "build/docs/index.html"

bench:
	@scripts/bench $(ARGS)

budget:
	@scripts/budget $(ARGS)

campus:
	@scripts/campus $(ARGS)

chaos:
	@scripts/chaos $(ARGS)

incidents:
	@scripts/incidents $(ARGS)

pictures:
	@scripts/pictures $(ARGS)

truth:
	@scripts/truth $(ARGS)

page:
	@scripts/page $(ARGS)

fuzz:
	@scripts/fuzz $(ARGS)

deb:
	@scripts/deb $(ARGS)

bundle:
	@scripts/bundle $(ARGS)

release:
	@scripts/venv dev
	@PATH="$(abspath $(VENV))/bin:$$PATH" scripts/release $(ARGS)

upgrade-test:
	@scripts/venv dev
	@RACKFLOW_UPGRADE=1 $(VENV)/bin/python -m pytest tests/upgrade -q $(ARGS)

check-manifests:
	@scripts/venv dev
	@PATH="$(abspath $(VENV))/bin:$$PATH" scripts/check-manifests

try-package:
	@scripts/try-package $(ARGS)

try-image:
	@scripts/try-image

fuzz-api:
	@scripts/venv dev
	@RACKFLOW_API_EXAMPLES=$(or $(EXAMPLES),200) $(VENV)/bin/python -m pytest tests/collector/web/test_schemathesis.py -q

mutants:
	@scripts/mutants $(ARGS)

fmt:
	@scripts/venv dev
	@$(VENV)/bin/ruff format
	@$(VENV)/bin/ruff check --fix

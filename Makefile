# make run: the accounting example in your browser.  make test: every test.  make check: lint, types, contract.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PORT   ?= 8400

.PHONY: run test check bench lock clean

run: $(VENV)/.core
	$(BIN)/remit serve examples/accounting/remit.yaml $(if $(UPSTREAM),--upstream $(UPSTREAM)) --port $(PORT) --evidence .remit/evidence.db

test: $(VENV)/.dev $(VENV)/.train
	$(BIN)/pytest -n 2 --dist loadfile

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/python bench/guard.py
	$(BIN)/python bench/rechunk.py
	$(BIN)/python bench/evidence.py
	$(BIN)/python bench/gateway.py

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: requirements/core.txt pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/core.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.core
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	touch $@

# torch first and by itself: a CPU build is chosen then, where the index has one.
$(VENV)/.train: requirements/train.txt $(VENV)/.core
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep ^torch== requirements/train.txt)"
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/train.txt
	touch $@

lock: $(VENV)/.dev
	$(BIN)/pip-compile -q --strip-extras --no-emit-options --no-annotate --no-header -o requirements/core.txt requirements/core.in
	$(BIN)/pip-compile -q --strip-extras --no-emit-options --no-annotate --no-header --allow-unsafe -o requirements/dev.txt requirements/dev.in
	for extra in learned data postgres otel train; do $(BIN)/pip-compile -q --strip-extras --no-emit-options --no-annotate --no-header -o requirements/$$extra.txt requirements/$$extra.in; done
	sed -i.bak 's/^\(torch==[0-9.]*\)+.*/\1/; /^#/d; /^$$/d' requirements/train.txt && rm requirements/train.txt.bak

clean:
	rm -rf $(VENV) .remit build dist

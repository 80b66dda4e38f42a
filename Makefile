# A short front to Meson and Ninja.  BUILD=dir builds somewhere else.
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: all deps demo test suites errnos fuzz soak soak-day stress bench bench-servers check docs install clean

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@meson setup $(BUILD)

# The product alone: `all` builds every test beside it.
$(BUILD)/bailey: FORCE
	@tools/deps.sh build
	@$(MAKE) --no-print-directory $(BUILD)/build.ninja
	@ninja -C $(BUILD) bailey
FORCE:

# What is missing is installed with apt-get; nothing happens when all is there.
deps:
	@tools/deps.sh

demo: $(BUILD)/bailey
	@tools/deps.sh demo
	@tools/demo.sh $(BUILD)

# Unit tests, the same under sanitizers, then programs inside, as root and as an
# ordinary user.  The last line counts all of them.
test:
	@tools/deps.sh build tests
	@$(MAKE) --no-print-directory all
	@tools/test.sh $(BUILD)

# What a test of seconds can't show: every stress test for a minute, then all of them beside
# each other for MIX seconds (an hour).
MIX ?= 3600
stress:
	@tools/deps.sh build tests
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) tests/stress/run --long
	@BUILD=$(BUILD) tests/stress/run --mix $(MIX)

CYCLES ?= 1000
SHORT ?= 20000
CLONES ?= 1000
# Saves and resumes a changing workload CYCLES times, killing it now and then; then SHORT
# sandboxes that come and go beside a long one; then CLONES clones at once.
soak:
	@tools/deps.sh build tests
	@$(MAKE) --no-print-directory all
	@tests/soak/save_cycles $(BUILD) $(CYCLES) $$$$
	@tests/soak/short_sandboxes $(BUILD) $(SHORT) $$$$
	@tests/soak/many_clones $(BUILD) $(CLONES)

# A day of mixed work in 24 hours of DAY / 24 short sandboxes each, beside servers that live for
# nine hours: some 20 minutes.
DAY ?= 24000
soak-day: $(BUILD)/bailey
	@tests/soak/mixed_day $(BUILD) $(DAY) $$$$

# Tests that others wrote: CPython's, stress-ng's, perl's and more, all of them (hours).  Interrupted, it goes
# on where it was; results and docs/suites.md are made anew after `make clean`.
suites:
	@tools/deps.sh build tests suites
	@$(MAKE) --no-print-directory all
	-@tests/suites/stress_ng --build $(BUILD) --results $(BUILD)/stress_ng.jsonl
	-@tests/suites/cpython --build $(BUILD) --results $(BUILD)/cpython.jsonl
	-@tests/suites/upstream --build $(BUILD) --results $(BUILD)/upstream.jsonl
	@tests/suites/report $(BUILD)/cpython.jsonl $(BUILD)/stress_ng.jsonl \
	    $(BUILD)/upstream.jsonl >$(BUILD)/suites.md
	@mv $(BUILD)/suites.md docs/suites.md

# Which errors of the manual pages the guest tests provoke, which calls they let wait and interrupt:
# docs/errno-coverage.md, docs/blocking.md.
errnos:
	@tools/deps.sh suites
	@python3 tools/blocking_table.py check
	@python3 tools/blocking_table.py markdown docs/blocking.md
	@python3 tools/errno_coverage.py markdown docs/errno-coverage.md

# Every parser of outside data under libFuzzer, FUZZ_SECONDS each.
fuzz:
	@tools/deps.sh build tests
	@tools/fuzz.sh $(BUILD) $(FUZZ_SECONDS)

# Less than 15 minutes: no round begins for which there is no time.
bench:
	@tools/deps.sh build bench
	@$(MAKE) --no-print-directory $(BUILD)/bailey
	@bench/run $(BUILD) --minutes 9
	@bench/servers $(BUILD) --quick

# Servers under load alone; BENCH=--quick for a minute or two.
bench-servers:
	@tools/deps.sh build bench
	@$(MAKE) --no-print-directory all
	@bench/servers $(BUILD) $(BENCH)

check:
	@tools/deps.sh build checks
	@$(MAKE) --no-print-directory all
	@tools/check.sh $(BUILD)

# What is generated and committed all the same, so that it can be read without a build.
docs:
	@python3 tools/gen_syscalls.py markdown docs/compatibility.md libos/*/syscalls.tbl
	@python3 tools/gen_contract.py markdown docs/contract.md abi/contract.tbl
	@python3 tools/gen_own_calls.py docs/monitor-calls.md

install: all
	install -D -m 755 $(BUILD)/bailey $(DESTDIR)$(PREFIX)/bin/bailey
	install -D -m 644 docs/bailey.1 $(DESTDIR)$(PREFIX)/share/man/man1/bailey.1
	install -D -m 644 cli/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/bailey

clean:
	rm -rf $(BUILD) $(BUILD)-sanitize $(BUILD)-fuzz

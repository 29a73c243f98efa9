# ppm: RANGE partitions managed from inside PostgreSQL.
#
#   make, make install, make installcheck   as with any PGXS extension, against any PG_CONFIG
#   make help                               what else there is

comma = ,
EXTENSION = ppm
MODULE_big = ppm
DATA = sql/ppm--1.1.0.sql sql/ppm--1.0.0--1.1.0.sql sql/ppm--1.0.0.sql
PGFILEDESC = "ppm - RANGE partitions managed from inside the database"

CORE = $(patsubst %.cpp,%.o,$(wildcard src/core/*.cpp src/core/*/*.cpp))
PG = $(patsubst %.cpp,%.o,$(wildcard src/*.cpp src/pg/*/*.cpp))
OBJS = $(PG) src/core/libppm_core.a
SHLIB_LINK = -lstdc++ $(if $(filter linux,$(PORTNAME)),-Wl$(comma)--version-script=$(srcdir)/src/exports.map)

REGRESS = $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
# With the extension loaded, each test works alone. What they are to print is in expected/: pg_regress looks for that where it writes
# to, and, since there is --expecteddir, in the current folder.
REGRESS_OPTS = --inputdir=test --outputdir=. --encoding=UTF8 --no-locale --load-extension=ppm
ISOLATION = $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation
TAP_TESTS = 1
PROVE_TESTS = test/t/*.pl

EXTRA_CLEAN = $(CORE) $(SANITIZED) $(SANITIZED:.o=.d) $(OBJS:.o=.d) $(CORE:.o=.d) src/core/libppm_core.a test/unit/*.o test/unit/*.d \
	test/unit/unit_tests test/unit/unit_tests_sanitized test/fuzz/planner_fuzz test/module/*.o test/module/*.d test/module/*.so test/module/next

# The rule that makes LLVM bitcode knows no C++20, and nothing here is worth inlining.
override with_llvm = no

# What needs no server installs one, where it can; all else needs the headers of one.
STANDALONE = help demo test test-assert test-valgrind test-images coverage lint bench matrix fuzz format dist deb deb-matrix rpm-check

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)
else ifneq ($(filter-out $(STANDALONE),$(or $(MAKECMDGOALS),all)),)
$(error $(PG_CONFIG) or the PGXS that it names is missing: install the server's headers (Debian: postgresql-server-dev-all; RPM: postgresqlN-devel), or set PG_CONFIG=/path/to/pg_config)
else
srcdir = .
endif

# Warnings are errors, and the library's assertions are on, only for those who work on ppm (PPM_WERROR=1): a user's compiler may know
# new ones. PostgreSQL's own flags are those of the compiler that it was built with.
WARNINGS = -Wall -Wextra -Wshadow $(if $(PPM_WERROR),-Werror -Wno-unknown-warning-option -Wno-ignored-optimization-argument -D_GLIBCXX_ASSERTIONS)
CXX_COMMON = -std=c++20 $(CFLAGS_SL) $(WARNINGS) -fvisibility-inlines-hidden -MMD -MP -I$(srcdir)/src

# The core sees no PostgreSQL header: the server's include paths are not on its command line.
$(CORE): %.o: %.cpp
	$(CXX) $(CXXFLAGS) $(CXX_COMMON) -Wpedantic -Wconversion -c $< -o $@

src/core/libppm_core.a: $(CORE)
	$(AR) crs $@ $^

VERSION := $(shell sed -n "s/^default_version = '\(.*\)'$$/\1/p" $(srcdir)/ppm.control)
src/module.o src/pg/bridge/version.o: ppm.control

# As system headers, the server's are not warned about; they still say `register`.
COMPILE_PG = $(CXX) $(CXXFLAGS) $(CXX_COMMON) -DPPM_VERSION='"$(VERSION)"' -Wno-register -isystem $(includedir_server) -isystem $(includedir_internal) -c

$(PG): %.o: %.cpp
	$(COMPILE_PG) $< -o $@

#
# Tests
#

# A module that raises errors in every layer, for test/t/001_boundary.pl.
test/module/ppm_test.so: test/module/ppm_test.o src/pg/bridge/guard.o src/pg/bridge/scope.o src/pg/bridge/messages.o
	$(CXX) $(CXXFLAGS) $(LDFLAGS) -shared -o $@ $^

test/module/ppm_test.o: test/module/ppm_test.cpp
	$(COMPILE_PG) $< -o $@

# The library of a version to come, for test/t/190_update.pl.
test/module/ppm_next.so: $(filter-out src/module.o src/pg/bridge/version.o,$(OBJS)) test/module/next/module.o test/module/next/version.o
	$(CXX) $(CXXFLAGS) $(LDFLAGS) -shared -o $@ $(filter %.o,$^) $(filter %.a,$^)

test/module/next/%.o: VERSION = 1.1.1
test/module/next/module.o: src/module.cpp
test/module/next/version.o: src/pg/bridge/version.cpp
test/module/next/%.o:
	@mkdir -p $(@D)
	$(COMPILE_PG) $< -o $@

test-modules: test/module/ppm_test.so test/module/ppm_next.so
installcheck: test-modules

UNIT = $(patsubst %.cpp,%.o,$(wildcard test/unit/*.cpp))

$(UNIT): %.o: %.cpp
	$(CXX) $(CXXFLAGS) $(CXX_COMMON) -c $< -o $@

test/unit/unit_tests: $(UNIT) src/core/libppm_core.a
	$(CXX) $(CXXFLAGS) $^ -lgtest -lgtest_main -lpthread -o $@

unit: test/unit/unit_tests
	test/unit/unit_tests --gtest_brief=1

test/fuzz/planner_fuzz: test/fuzz/planner_fuzz.cpp $(CORE:.o=.cpp) $(wildcard src/core/*.hpp src/core/*/*.hpp test/unit/*.hpp)
	clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -I$(srcdir)/src -I$(srcdir)/test/unit \
		$(filter %.cpp,$^) -o $@

# The unit tests under the sanitizers. clang compiles them, and its warnings count, too.
SANITIZED = $(CORE:.o=.sanitized.o) $(UNIT:.o=.sanitized.o)

$(SANITIZED): %.sanitized.o: %.cpp
	clang++ $(CXX_COMMON) -DPPM_SANITIZED -Wpedantic -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -c $< -o $@

unit-sanitized: $(SANITIZED)
	clang++ -fsanitize=address,undefined $^ -lgtest -lgtest_main -lpthread -o test/unit/unit_tests_sanitized
	printf '0\n1\n' | xargs -P2 -I{} env GTEST_TOTAL_SHARDS=2 GTEST_SHARD_INDEX={} test/unit/unit_tests_sanitized --gtest_brief=1

# The warnings of another compiler (CXX=clang++) about what needs PostgreSQL.
warnings:
	$(foreach source,$(PG:.o=.cpp) $(wildcard test/module/*.cpp),\
		$(COMPILE_PG) -MF /dev/null -fsyntax-only $(source) &&) true

#
# Everything, from a fresh machine. `make help` shows what is behind the two number signs.
#

help: ## lists these
	@printf '  %-20s %s\n' make 'builds the extension for the server of PG_CONFIG' \
		'make install' 'installs it there' \
		'make installcheck' 'pg_regress, isolation tests and TAP on the server of PGHOST and PGPORT' \
		'make unit' "the core's tests, without a server" \
		'make clean' 'removes what was built'
	@echo 'These install what they need on Debian and Ubuntu:'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-20s %s\n", "make " $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: ## tells a short story on a throwaway server; STAY=1 keeps the server
	@dev/setup build
	@dev/install
	@dev/with-server psql -X -q -f dev/demo.sql
	@echo 'Next: your own table, by "Quick start" in README.md. What ppm.check() may say: doc/anomalies.md.'
	@[ -n "$(STAY)" ] || echo 'The server is gone. To keep one to play with, and the psql line for it: make demo STAY=1'

test: ## every test on one server, and what the second compiler has to say
	dev/setup build test
	PPM_WERROR=1 dev/with-ccache $(MAKE) -s -j2 warnings unit-sanitized CXX=clang++
	dev/suite

lint: ## clang-tidy, cppcheck, clang-format, and our own rules
	dev/lint

format: ## has clang-format mend what lint complains of
	clang-format-14 -i src/*.cpp src/*/*.[ch]pp src/*/*/*.[ch]pp test/unit/*.[ch]pp test/module/*.cpp test/fuzz/*.cpp

matrix: ## every test on other versions of PostgreSQL, in chroots; MATRIX="17 18"
	dev/matrix $(MATRIX)

test-assert: ## every test on a PostgreSQL that is built with assertions
	dev/test-assert

test-valgrind: ## pg_regress on a server under valgrind
	dev/test-valgrind

FUZZ_SECONDS = 600
# 0: other inputs each time.
FUZZ_SEED = 0
fuzz: ## libFuzzer at the planner, under sanitizers, for FUZZ_SECONDS; what it finds stays in test/fuzz
	dev/setup build test
	$(MAKE) -s test/fuzz/planner_fuzz
	test/fuzz/planner_fuzz -max_total_time=$(FUZZ_SECONDS) -seed=$(FUZZ_SEED) -max_len=512 -verbosity=0 -print_funcs=0 -print_final_stats=1 -artifact_prefix=test/fuzz/

bench: ## what ppm takes beside plain SQL; BENCH="a c" for some cases of bench/Cases.pm
	dev/bench $(BENCH)

dist: ## what PGXN takes, into dist: the sources of the last commit
	mkdir -p dist
	git archive --format zip --prefix ppm-$(DIST_VERSION)/ --output dist/ppm-$(DIST_VERSION).zip HEAD

dist: DIST_VERSION = $(shell sed -n "s/^default_version = '\(.*\)'$$/\1/p" ppm.control)

deb: ## Debian's packages, into dist; built twice; installed, used, upgraded, removed in a bare chroot
	dev/deb
	dev/deb-again
	dev/test-deb

deb-matrix: ## the same for other versions of PostgreSQL, in chroots; DEB=suite for every test on the package
	PPM_DEB=$(or $(DEB),yes) dev/matrix $(MATRIX)

rpm-check: ## the RPM, built by Debian's rpmbuild, installed, used, removed in a bare chroot
	dev/test-rpm

test-images: ## the container images, built by buildah on a stand-in for PostgreSQL's own, and used
	dev/test-images

coverage: ## every test, and which lines of src none of them has run
	dev/coverage

.PHONY: help dist deb deb-matrix rpm-check test-images test-modules unit unit-sanitized fuzz warnings demo bench test test-assert test-valgrind coverage matrix lint format

-include $(wildcard src/*.d src/*/*.d src/*/*/*.d test/*/*.d test/*/*/*.d)

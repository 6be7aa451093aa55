# agri_backup. PGXS builds the server's module (src/pg.mk), src/native.mk the executable beside it.
#
#   make quickstart     packages, build, and the main job before your eyes
#   make test           packages, build, all tests
#   make                build            make install        (PG_CONFIG, DESTDIR, CLI_BINDIR as usual)
#   make installcheck   the tests, without installing packages
#   make test-matrix    the tests on PostgreSQL 17 and 18 as well, in chroots (root)
#   make bench          measurements; never part of the tests
#   make fuzz           fuzzers of the format's readers, FUZZ_SECONDS each

PG_CONFIG  ?= pg_config
EXTENSION   = agri_backup
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" agri_backup.control)
# installcheck is ours: it brings its own private server.
NO_INSTALLCHECK = 1
.DEFAULT_GOAL := all

include src/native.mk
include src/pg.mk

.PHONY: packages quickstart test test-matrix bench fuzz
# Recursive makes below start only when the packages are there: on a fresh machine pg_config and the
# compiler were missing when this make read its files.
packages:
	@.ci/install_packages $(PACKAGES)

quickstart:
	@.ci/install_packages build
	@$(MAKE) -s -j$$(nproc) all
	@test/quickstart.sh $(PG_CONFIG)

test:
	@.ci/install_packages all
	@$(MAKE) -s -j$$(nproc) -Otarget all unit
	@test/run.sh $(PG_CONFIG) $(SUITE)

installcheck: all unit
	@test/run.sh $(PG_CONFIG) $(SUITE)

bench: all
	@test/bench/run.sh $(PG_CONFIG)

CHROOTS ?= /var/tmp/agri_backup_chroots
test-matrix:
	@.ci/install_packages matrix
	@failed=; for major in 17 18; do \
		{ test/matrix/make_chroot.sh $$major $(CHROOTS)/$$major && \
		test/matrix/run_in_chroot.sh $$major $(CHROOTS)/$$major; } || failed="$$failed $$major"; done; \
	[ -z "$$failed" ] || { echo "FAILED on PostgreSQL$$failed" >&2; exit 1; }

clean: clean-native
.PHONY: clean-native
clean-native:
	rm -rf $(BUILD)

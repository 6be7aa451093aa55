# Builds the server's module from src/pg with PGXS, joins sql/objects into the install script, and
# installs both beside the executable of the same version. Include it last: it includes PGXS. Without
# the server's development files it defines nothing, so that the executable still builds.

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
# The one CLI for all server versions. Packages set /usr/bin.
CLI_BINDIR ?= /usr/local/bin

SQL_SCRIPT := sql/agri_backup--$(EXTVERSION).sql
SQL_OBJECTS := $(addprefix sql/objects/,$(shell sed 's/\#.*//' sql/objects/order))

# One object a file, joined in the order that sql/objects/order gives. A file that order forgets is an error.
$(SQL_SCRIPT): sql/objects/order $(SQL_OBJECTS) src/pg.mk
	@for f in $$(cd sql/objects && find . -name '*.sql' | sed 's|^\./||'); do \
		sed 's/#.*//' sql/objects/order | grep -qx "$$f" || { echo "$$f is not in sql/objects/order" >&2; exit 1; }; done
	@{ printf '%s\n' '-- Made from sql/objects: do not edit.' \
		'\echo Use "CREATE EXTENSION agri_backup" to load this file. \quit'; \
		for f in $(SQL_OBJECTS); do echo; cat $$f; done; } > $@.part
	@mv $@.part $@

ifneq ($(wildcard $(PGXS)),)
MODULE_big := agri_backup
DATA_built := $(SQL_SCRIPT)
# From one version to a later one: written by hand, beside the objects that it changes.
DATA := $(wildcard sql/agri_backup--*--*.sql)
PG_MAJOR := $(shell $(PG_CONFIG) --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
PG_BUILD := $(BUILD)/pg-$(PG_MAJOR)
PG_LAYER := $(BUILD)/layers/pg
OBJS := $(patsubst src/pg/%.cpp,$(PG_BUILD)/%.o,$(wildcard src/pg/*.cpp)) $(PG_BUILD)/version.o
SHLIB_LINK := -lstdc++ -Wl,-z,relro,-z,now -Wl,--as-needed
EXTRA_CLEAN := $(PG_BUILD) $(PG_LAYER) $(BUILD)/pg-current

# clang gets no -std for C++ bitcode, and inlining this module gains nothing.
override with_llvm = no
include $(PGXS)
override with_llvm = no

PG_WARNINGS := -Wall -Wextra -Werror -Wno-missing-field-initializers -Wno-register -Wno-clobbered
PG_MODULE_FLAGS = -std=c++20 $(PG_WARNINGS) -fPIC -fvisibility=hidden -fvisibility-inlines-hidden \
	-D_GNU_SOURCE -D_GLIBCXX_ASSERTIONS -I$(PG_LAYER) -isystem $(includedir_server)
# Flags for C alone would make g++ complain.
PG_SERVER_FLAGS = $(filter-out -Wdeclaration-after-statement -Wmissing-prototypes,$(CXXFLAGS))

# The module may include its own folder and the headers that it shares with the executable. The links
# are relative, so that a copy of the whole tree does not compile against the first one's headers.
$(PG_LAYER)/.made: src/pg.mk
	@mkdir -p $(@D)/base
	@ln -srfn src/pg $(@D)/pg
	@ln -srfn src/base/wire.hpp src/base/version.hpp $(@D)/base/
	@touch $@

$(PG_BUILD)/%.o: src/pg/%.cpp $(PG_LAYER)/.made
	@mkdir -p $(@D)
	$(CXX) $(PG_SERVER_FLAGS) $(PG_MODULE_FLAGS) -MMD -MP -c -o $@ $<

$(PG_BUILD)/version.o: src/version.cpp $(PG_LAYER)/.made $(BUILD)/version
	@mkdir -p $(@D)
	$(CXX) $(PG_SERVER_FLAGS) $(PG_MODULE_FLAGS) $(VERSION_FLAG) -c -o $@ $<

# The library has one name whatever server it is for: link it anew when PG_CONFIG changes.
$(BUILD)/pg-current: FORCE
	@mkdir -p $(@D)
	@echo '$(PG_MAJOR)' | cmp -s - $@ || echo '$(PG_MAJOR)' > $@
$(shlib): $(BUILD)/pg-current

# The module starts the executable of its own version, so that replacing packages breaks nothing.
PG_PROGRAM_DIR = $(pkglibdir)/agri_backup/$(EXTVERSION)
.PHONY: install-program uninstall-program
install-program: $(AGRI_PROGRAM)
	$(MKDIR_P) '$(DESTDIR)$(PG_PROGRAM_DIR)' '$(DESTDIR)$(CLI_BINDIR)'
	$(INSTALL_PROGRAM) $(AGRI_PROGRAM) '$(DESTDIR)$(PG_PROGRAM_DIR)/agri_backup'
	$(INSTALL_PROGRAM) $(AGRI_PROGRAM) '$(DESTDIR)$(CLI_BINDIR)/agri_backup'
uninstall-program:
	rm -f '$(DESTDIR)$(PG_PROGRAM_DIR)/agri_backup' '$(DESTDIR)$(CLI_BINDIR)/agri_backup'
	rmdir '$(DESTDIR)$(PG_PROGRAM_DIR)' '$(DESTDIR)$(pkglibdir)/agri_backup' 2>/dev/null || true
ifneq ($(AGRI_PROGRAM),)
all: $(AGRI_PROGRAM)
install: install-program
uninstall: uninstall-program
endif

-include $(OBJS:.o=.d)
endif

# Builds the agri_backup executable and the unit tests: everything except src/pg, without the
# server's include path. Each layer is compiled with a folder of links to just the layers it may use
# as its only include path, so an upward include does not compile.

BUILD ?= build
# Links and generated code stand in one place whatever BUILD is, so that compiler caches see equal paths.
SHARED := build
CXX ?= g++
NATIVE_LAYERS := base codec wal storage repo engine worker cli

USES_base    := base
USES_codec   := base codec
USES_wal     := base codec wal
USES_storage := base codec storage
USES_repo    := base codec wal storage repo
USES_engine  := base codec wal storage repo engine
USES_worker  := base codec wal storage repo engine worker
USES_cli     := base codec wal storage repo engine worker cli

# GCC warns of a member from an unnamed namespace wherever the file is not the main one, as in units.
NATIVE_WARNINGS := -Wall -Wextra -Werror -Wno-missing-field-initializers -Wno-subobject-linkage
NATIVE_OPT ?= -O2
# No content passes through these layers: they are compiled in less time. A compiler that cannot use the header that
# was compiled for the others reads it as text.
$(foreach layer,base worker cli,$(eval OPT_$(layer) ?= -O1))
NATIVE_HARDENING := -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -D_GLIBCXX_ASSERTIONS
NATIVE_CXXFLAGS = -std=c++20 $(NATIVE_OPT) $(NATIVE_WARNINGS) $(NATIVE_HARDENING) -pthread \
	-DSPDLOG_COMPILED_LIB -DSPDLOG_FMT_EXTERNAL
NATIVE_LIBS := -lprotobuf-lite -lzstd -lcrypto -lxxhash -lspdlog -lfmt -lINIReader -linih
NATIVE_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--as-needed

UNIT_SHARDS ?= $(shell nproc)
UNIT_OPT ?= -Og -g1 -fno-omit-frame-pointer
# What AddressSanitizer finds anyway is not checked twice: that doubles the time of compiling.
UNIT_SANITIZE ?= -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-sanitize=null,object-size,vptr
UNIT_CXXFLAGS = -std=c++20 $(UNIT_OPT) $(UNIT_SANITIZE) $(NATIVE_WARNINGS) -Wno-maybe-uninitialized -pthread \
	-DSPDLOG_COMPILED_LIB -DSPDLOG_FMT_EXTERNAL -DAGRI_UNIT_TEST

PROTOS := $(wildcard src/repo/*.proto)
PROTO_CC := $(PROTOS:src/%.proto=$(SHARED)/gen/%.pb.cc)
PROTO_H := $(PROTO_CC:.cc=.h)

# What a layer, or its tests, is compiled in (src/units.sh).
UNITS := $(SHARED)/units
source_units = $(shell src/units.sh $(UNITS) $(1) 42 $(sort $(wildcard src/$(1)/*.cpp)))
test_units = $(shell src/units.sh $(UNITS)/test $(1) 4 $(sort $(wildcard test/$(1)/*_test.cpp)))
$(foreach layer,$(NATIVE_LAYERS),$(eval UNITS_$(layer) := $(call source_units,$(layer))))
layer_objects = $(UNITS_$(1):%=$(BUILD)/$(2)/$(1)/%.o) \
	$(if $(filter repo,$(1)),$(PROTO_CC:$(SHARED)/gen/%.pb.cc=$(BUILD)/$(2)/gen/%.pb.o))

# $(SHARED)/layers/X holds links to the folders that X may include.
$(SHARED)/layers/%/.made: src/native.mk
	@mkdir -p $(@D)
	@for used in $(USES_$*); do ln -sfn ../../../src/$$used $(@D)/$$used; done
	@touch $@

$(SHARED)/gen/%.pb.cc $(SHARED)/gen/%.pb.h &: src/%.proto
	@mkdir -p $(@D)
	@echo "  PROTO $<"
	@protoc -Isrc --cpp_out=$(SHARED)/gen $<

.SECONDARY:
# Compiled headers, one for each set of flags. A rule that lists one also gets `-include` of it.
PCH_native := $(SHARED)/pch/native/precompiled.hpp.gch
PCH_unit := $(SHARED)/pch/unit/precompiled.hpp.gch
$(SHARED)/pch/%/precompiled.hpp.gch: src/precompiled.hpp
	@mkdir -p $(@D)
	@echo "  PCH   $*"
	@cp $< $(@D)/precompiled.hpp
	@$(CXX) $(if $(filter unit,$*),$(UNIT_CXXFLAGS),$(NATIVE_CXXFLAGS)) -x c++-header -o $@.part.$$$$ $< && mv $@.part.$$$$ $@
use_pch = -include $(SHARED)/pch/$(1)/precompiled.hpp
SEES_PROTO := repo engine worker cli
include_path = -I$(SHARED)/layers/$(1) $(if $(filter $(1),$(SEES_PROTO)),-I$(SHARED)/gen)

define layer_rules
$(BUILD)/obj/$(1)/%.o: $(UNITS)/%.cpp $(SHARED)/layers/$(1)/.made $(if $(filter $(1),$(SEES_PROTO)),$(PROTO_H)) | $(PCH_native)
	@mkdir -p $$(@D)
	@echo "  C++   $$*"
	@$(CXX) $$(NATIVE_CXXFLAGS) $(OPT_$(1)) $$(call use_pch,native) $(include_path) -MMD -MP -c -o $$@ $$<
$(BUILD)/unit-obj/$(1)/%.o: $(UNITS)/%.cpp $(SHARED)/layers/$(1)/.made $(if $(filter $(1),$(SEES_PROTO)),$(PROTO_H)) | $(PCH_unit)
	@mkdir -p $$(@D)
	@echo "  C++   $$* (sanitized)"
	@$(CXX) $$(UNIT_CXXFLAGS) $$(call use_pch,unit) $(include_path) -MMD -MP -c -o $$@ $$<
$(BUILD)/unit-obj/test/$(1)/%.o: $(UNITS)/test/%.cpp $(SHARED)/layers/$(1)/.made $(if $(filter $(1),$(SEES_PROTO)),$(PROTO_H)) | $(PCH_unit)
	@mkdir -p $$(@D)
	@echo "  C++   test/$$* (sanitized)"
	@$(CXX) $$(UNIT_CXXFLAGS) $$(call use_pch,unit) $(include_path) -Itest -MMD -MP -c -o $$@ $$<
# One test program a layer: `make unit-X` builds and runs it, in as many processes as there are processors.
$(BUILD)/unit/$(1): $(patsubst %,$(BUILD)/unit-obj/test/$(1)/%.o,$(call test_units,$(1))) \
		$(foreach used,$(USES_$(1)),$(call layer_objects,$(used),unit-obj)) $(BUILD)/obj/version.o
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"
	@$(CXX) $$(UNIT_SANITIZE) -o $$@ $$^ -lgtest -lgmock -lgtest_main $$(NATIVE_LIBS) -pthread
unit-$(1): $(BUILD)/unit/$(1)
	@seq 0 $$$$(($(UNIT_SHARDS) - 1)) | xargs -P $(UNIT_SHARDS) -I {} env GTEST_TOTAL_SHARDS=$(UNIT_SHARDS) \
		GTEST_SHARD_INDEX={} $(BUILD)/unit/$(1) --gtest_brief=1
endef
$(foreach layer,$(NATIVE_LAYERS),$(eval $(call layer_rules,$(layer))))

$(BUILD)/obj/gen/%.pb.o: $(SHARED)/gen/%.pb.cc
	@mkdir -p $(@D)
	@$(CXX) -std=c++20 -O1 -fPIE -I$(SHARED)/gen -c -o $@ $<
$(BUILD)/unit-obj/gen/%.pb.o: $(SHARED)/gen/%.pb.cc
	@mkdir -p $(@D)
	@$(CXX) -std=c++20 $(UNIT_OPT) -I$(SHARED)/gen -c -o $@ $<

# The version is compiled in once more when it has changed, and nothing else is.
$(BUILD)/version: FORCE
	@mkdir -p $(@D)
	@echo '$(EXTVERSION)' | cmp -s - $@ || echo '$(EXTVERSION)' > $@
.PHONY: FORCE
FORCE:
VERSION_FLAG = -DAGRI_VERSION='"$(EXTVERSION)"'
$(BUILD)/obj/version.o: src/version.cpp src/base/version.hpp $(BUILD)/version
	@mkdir -p $(@D)
	@$(CXX) $(NATIVE_CXXFLAGS) $(VERSION_FLAG) -Isrc -c -o $@ $<

AGRI_PROGRAM := $(BUILD)/agri_backup
# The largest layers come last in the list of layers and are begun first: the small ones then fill the gaps.
reverse = $(if $(1),$(call reverse,$(wordlist 2,$(words $(1)),$(1))) $(firstword $(1)))
$(AGRI_PROGRAM): $(BUILD)/obj/version.o $(foreach layer,$(call reverse,$(NATIVE_LAYERS)),$(call layer_objects,$(layer),obj))
	@echo "  LINK  $@"
	@$(CXX) $(NATIVE_LDFLAGS) -o $@ $^ $(NATIVE_LIBS) -pthread

UNIT_LAYERS := $(foreach layer,$(NATIVE_LAYERS),$(if $(wildcard test/$(layer)/*_test.cpp),$(layer)))
.PHONY: native unit unit-build $(NATIVE_LAYERS:%=unit-%)
native: $(AGRI_PROGRAM)
unit-build: $(UNIT_LAYERS:%=$(BUILD)/unit/%)
unit: $(UNIT_LAYERS:%=unit-%)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# Fuzzers (clang's libFuzzer): `make fuzz FUZZ_SECONDS=60`. Needs clang and libclang-rt-dev.
FUZZ_SECONDS ?= 60
FUZZERS := $(patsubst test/fuzz/%.cpp,%,$(wildcard test/fuzz/*_fuzz.cpp))
FUZZ_CXX ?= clang++
FUZZ_FLAGS := -std=c++20 -O1 -g -fsanitize=fuzzer-no-link,address,undefined -pthread \
	-DSPDLOG_COMPILED_LIB -DSPDLOG_FMT_EXTERNAL
FUZZ_OBJECTS := $(foreach layer,$(USES_repo),$(call layer_objects,$(layer),fuzz-obj))
define fuzz_rules
$(BUILD)/fuzz-obj/$(1)/%.o: $(UNITS)/%.cpp $(PROTO_H)
	@mkdir -p $$(@D)
	@echo "  FUZZ  $$*"
	@$(FUZZ_CXX) $(FUZZ_FLAGS) -Isrc -I$(SHARED)/gen -MMD -MP -c -o $$@ $$<
endef
$(foreach layer,$(USES_repo),$(eval $(call fuzz_rules,$(layer))))
$(BUILD)/fuzz-obj/gen/%.pb.o: $(SHARED)/gen/%.pb.cc
	@mkdir -p $(@D)
	@$(FUZZ_CXX) $(FUZZ_FLAGS) -I$(SHARED)/gen -c -o $@ $<
$(BUILD)/fuzz/%: test/fuzz/%.cpp $(FUZZ_OBJECTS)
	@mkdir -p $(@D)
	@$(FUZZ_CXX) $(FUZZ_FLAGS) -fsanitize=fuzzer -Isrc -Itest -I$(SHARED)/gen -o $@ $^ $(NATIVE_LIBS)
fuzz: $(FUZZERS:%=$(BUILD)/fuzz/%)
	@for fuzzer in $(FUZZERS); do \
		mkdir -p $(BUILD)/fuzz/corpus/$$fuzzer && \
		$(BUILD)/fuzz/$$fuzzer -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
			-artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/corpus/$$fuzzer || exit 1; done

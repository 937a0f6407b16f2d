add_library(headroom_options INTERFACE)
target_include_directories(headroom_options INTERFACE ${PROJECT_SOURCE_DIR})
# What nvcc compiles has options of its own (kernels/CMakeLists.txt).
function(headroom_cxx_options)
  target_compile_options(headroom_options INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${ARGN}>")
endfunction()
headroom_cxx_options(-Wall -Wextra -Wconversion -Wshadow -Wpedantic)
if(HEADROOM_WERROR)
  headroom_cxx_options(-Werror)
endif()
if(HEADROOM_SANITIZE OR HEADROOM_FUZZ)
  headroom_cxx_options(-fsanitize=address,undefined -fno-sanitize-recover=all
                       -fno-omit-frame-pointer)
  # AddressSanitizer stops at a null pointer as well, and alignment can go wrong only where bytes
  # become numbers: targets with HEADROOM_RAW_MEMORY. Together they are half of what is compiled.
  headroom_cxx_options(-fno-sanitize=null,vptr)
  headroom_cxx_options(
    $<$<NOT:$<BOOL:$<TARGET_PROPERTY:HEADROOM_RAW_MEMORY>>>:-fno-sanitize=alignment>)
  target_link_options(headroom_options INTERFACE -fsanitize=address,undefined)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # false alarms when sanitized, in <regex> for one
    headroom_cxx_options(-Wno-maybe-uninitialized)
  endif()
endif()
if(HEADROOM_FUZZ)
  headroom_cxx_options(-fsanitize=fuzzer-no-link)
endif()

# The headers that cost most to parse are parsed once.
add_library(headroom_base_headers OBJECT ${CMAKE_CURRENT_LIST_DIR}/empty.cpp)
target_link_libraries(headroom_base_headers PRIVATE headroom_options nlohmann_json::nlohmann_json
                                                    fmt::fmt)
if(HEADROOM_PCH)
  target_precompile_headers(headroom_base_headers PRIVATE
    <algorithm> <array> <functional> <map> <optional> <set> <span> <string> <unordered_map>
    <variant> <vector> <fmt/format.h> <nlohmann/json.hpp>)
endif()

# headroom_box(NAME DEP...): planner/NAME as the static library headroom_NAME; every .cpp below it
# is a source. A box may include only the boxes it links.
function(headroom_box name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/planner/${name}/*.cpp)
  if(NOT sources)
    add_library(headroom_${name} INTERFACE)
    set(scope INTERFACE)
  else()
    add_library(headroom_${name} STATIC ${sources})
    set(scope PUBLIC)
  endif()
  target_link_libraries(headroom_${name} ${scope} headroom_options)
  if(name STREQUAL "base")
    target_link_libraries(headroom_${name} ${scope} nlohmann_json::nlohmann_json fmt::fmt)
  endif()
  if(name STREQUAL "search")
    target_link_libraries(headroom_${name} ${scope} TBB::tbb)
  endif()
  if(name STREQUAL "score")
    target_link_libraries(headroom_${name} PRIVATE Eigen3::Eigen)
    # Dense algebra of a few hundred unknowns, solved hundreds of times: optimized in every preset.
    set_source_files_properties(${PROJECT_SOURCE_DIR}/planner/score/timing_fit.cpp
                                PROPERTIES COMPILE_OPTIONS "-O2")
  endif()
  if(sources AND HEADROOM_PCH)
    target_precompile_headers(headroom_${name} REUSE_FROM headroom_base_headers)
  endif()
  foreach(dependency IN LISTS ARGN)
    target_link_libraries(headroom_${name} ${scope} headroom_${dependency})
  endforeach()
endfunction()

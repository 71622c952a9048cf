# How every target of ours is compiled, and the two commands that declare one.

option(CELERIAC_WERROR "Treat warnings as errors" ON)
set(CELERIAC_SANITIZE "" CACHE STRING "Value for -fsanitize, e.g. address,undefined or thread")

add_library(celeriac_flags INTERFACE)
target_compile_features(celeriac_flags INTERFACE c_std_11)
target_compile_definitions(celeriac_flags INTERFACE _GNU_SOURCE)
target_include_directories(celeriac_flags INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
target_compile_options(celeriac_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wformat=2 -Wundef -Wpointer-arith -Wwrite-strings -Wcast-qual -Wvla
  -Wnull-dereference -Wdouble-promotion -Wimplicit-fallthrough -Wunused-result
  $<$<BOOL:${CELERIAC_WERROR}>:-Werror>
  -fno-strict-aliasing -fstack-protector-strong -fvisibility=hidden)
if(NOT CELERIAC_SANITIZE)
  target_compile_options(celeriac_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
  target_link_options(celeriac_flags INTERFACE -Wl,-z,relro,-z,now)
else()
  target_compile_options(celeriac_flags INTERFACE
    -fsanitize=${CELERIAC_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -O1)
  target_link_options(celeriac_flags INTERFACE -fsanitize=${CELERIAC_SANITIZE})
endif()

# celeriac_folder(NAME SOURCES a.c ... LINK target ... FOREIGN imported ...)
# One folder's static library. LINK names the folders it may include (they are passed on to
# whoever links this one); FOREIGN names libraries of others, which stay private to the folder.
function(celeriac_folder name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;FOREIGN" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${name} PUBLIC celeriac_flags ${arg_LINK} PRIVATE ${arg_FOREIGN})
endfunction()

# celeriac_unit_test(NAME SOURCE file.c LINK target ...)
# One cmocka program for one module. It is registered with ctest under NAME and runs without
# a network; tests that need a server belong to tests/integration.
function(celeriac_unit_test name)
  cmake_parse_arguments(arg "" "SOURCE" "LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCE})
  target_link_libraries(${name} PRIVATE ${arg_LINK} celeriac_flags PkgConfig::CMOCKA)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 600)
endfunction()

# celeriac_integration_test(NAME SOURCE file.c SERVICES service ... LINK target ...)
# One cmocka program that is run with real services, whose addresses it finds in its environment.
# SERVICES are words of "python3 -m tests.services up" (see tests/services/__main__.py), such as
# redis,appendonly postgres,fsync=off sink smtp,tls.
function(celeriac_integration_test name)
  cmake_parse_arguments(arg "" "SOURCE" "SERVICES;LINK" ${ARGN})
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  add_executable(${name} ${arg_SOURCE})
  target_link_libraries(${name} PRIVATE ${arg_LINK} celeriac_flags PkgConfig::CMOCKA)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name}
    COMMAND ${Python3_EXECUTABLE} -m tests.services up ${arg_SERVICES} -- $<TARGET_FILE:${name}>
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS integration TIMEOUT 900)
endfunction()

# libceleriac: the folders base, codec, redis and worker as one library, shared and static, with
# headers, pkg-config and CMake package files. Only what include/celeriac marks CELERIAC_PUBLIC leaves
# either of them; tests/lint compares their symbols with include/celeriac/symbols.txt.
include(CMakePackageConfigHelpers)

set(library_objects $<TARGET_OBJECTS:base> $<TARGET_OBJECTS:codec> $<TARGET_OBJECTS:celery_redis> $<TARGET_OBJECTS:worker>)
set(library_needs PkgConfig::HIREDIS PkgConfig::PCRE2 OpenSSL::SSL OpenSSL::Crypto ZLIB::ZLIB Threads::Threads m)

# Counts incompatible changes, for the soname and the version of the symbols; see docs/library.md.
set(library_abi 0)

add_library(celeriac SHARED ${library_objects})
set_target_properties(celeriac PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${library_abi}
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib LINKER_LANGUAGE C)
target_link_libraries(celeriac PRIVATE celeriac_flags ${library_needs})
target_link_options(celeriac PRIVATE LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/libceleriac.map)
set_property(TARGET celeriac APPEND PROPERTY LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/libceleriac.map)

# Visibility means nothing to an archive: the objects become one, and what is hidden becomes local to it,
# so that a program may have a json_read() or log_info() of its own beside us.
set(library_object ${CMAKE_BINARY_DIR}/lib/celeriac.o)
add_custom_command(OUTPUT ${library_object}
  COMMAND ${CMAKE_C_COMPILER} -r -nostdlib -o ${library_object} ${library_objects}
  COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${library_object}
  DEPENDS ${library_objects}
  COMMENT "Joining the objects of the static library"
  COMMAND_EXPAND_LISTS VERBATIM)
add_library(celeriac_static STATIC ${library_object})
set_target_properties(celeriac_static PROPERTIES OUTPUT_NAME celeriac
  ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib LINKER_LANGUAGE C)
target_link_libraries(celeriac_static PRIVATE ${library_needs})

foreach(library celeriac celeriac_static)
  target_include_directories(${library} INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()

install(TARGETS celeriac LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS celeriac_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/celeriac DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(TARGETS celeriac-worker celeriac-api celeriac-cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
file(GLOB pages_1 CONFIGURE_DEPENDS docs/man/*.1)
file(GLOB pages_3 CONFIGURE_DEPENDS docs/man/*.3)
install(FILES ${pages_1} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${pages_3} DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)

# man celeriac_client_send shows the page that has it.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS docs/man/links.txt)
file(STRINGS docs/man/links.txt links)
foreach(link IN LISTS links)
  string(REPLACE " " ";" link ${link})
  list(GET link 0 function)
  list(GET link 1 page)
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/man/${function}.3 CONTENT ".so man3/${page}.3\n")
  list(APPEND link_pages ${CMAKE_CURRENT_BINARY_DIR}/man/${function}.3)
endforeach()
install(FILES ${link_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)

# The files may be moved with the library: paths start where the .pc file lies.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(celeriac_pc_prefix ${CMAKE_INSTALL_PREFIX})
  set(celeriac_pc_libdir ${CMAKE_INSTALL_FULL_LIBDIR})
  set(celeriac_pc_includedir ${CMAKE_INSTALL_FULL_INCLUDEDIR})
else()
  string(REGEX REPLACE "[^/]+" ".." celeriac_pc_up "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
  set(celeriac_pc_prefix "\${pcfiledir}/${celeriac_pc_up}")
  set(celeriac_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
  set(celeriac_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(cmake/celeriac.pc.in celeriac.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/celeriac.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

configure_package_config_file(cmake/celeriac-config.cmake.in celeriac-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/celeriac
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(celeriac-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/celeriac-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/celeriac-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/celeriac)

foreach(program worker api)
  configure_file(packaging/systemd/celeriac-${program}.service.in celeriac-${program}.service @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/celeriac-${program}.service DESTINATION lib/systemd/system)
endforeach()

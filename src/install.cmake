# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where, by Debian's customs: modules in <lib>/pkcs11, examples with the documentation.
#
# With the default prefix the module's path is /usr/local/lib/pkcs11/p11tape.so: short enough for IBM MQ's
# cryptographic hardware string (256 bytes in all), and in a directory from which ssh-agent accepts modules.
set(P11TAPE_MODULE_DIR ${CMAKE_INSTALL_LIBDIR}/pkcs11 CACHE STRING "Directory of the installed p11tape.so")

install(TARGETS p11tape_shim p11tape_player_module p11tape_run LIBRARY DESTINATION ${P11TAPE_MODULE_DIR})
install(TARGETS p11tape p11tape-ship RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# What is installed has no debugging information: the build directory keeps it.
if(CMAKE_STRIP AND NOT P11TAPE_SANITIZE)
  install(CODE "
    foreach(file ${P11TAPE_MODULE_DIR}/$<TARGET_FILE_NAME:p11tape_shim> ${P11TAPE_MODULE_DIR}/$<TARGET_FILE_NAME:p11tape_player_module>
                 ${P11TAPE_MODULE_DIR}/$<TARGET_FILE_NAME:p11tape_run> ${CMAKE_INSTALL_BINDIR}/$<TARGET_FILE_NAME:p11tape>
                 ${CMAKE_INSTALL_BINDIR}/$<TARGET_FILE_NAME:p11tape-ship>)
      if(NOT IS_ABSOLUTE \"\${file}\")
        set(file \"\${CMAKE_INSTALL_PREFIX}/\${file}\")
      endif()
      execute_process(COMMAND \"${CMAKE_STRIP}\" --strip-unneeded \"\$ENV{DESTDIR}\${file}\" COMMAND_ERROR_IS_FATAL ANY)
    endforeach()")
endif()

if(NOT CMAKE_CROSSCOMPILING AND NOT P11TAPE_SANITIZE)
  install(DIRECTORY ${CMAKE_BINARY_DIR}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 FILES_MATCHING PATTERN "*.1")
  install(FILES ${CMAKE_BINARY_DIR}/man/p11tape.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME p11tape)
  install(FILES ${CMAKE_BINARY_DIR}/man/_p11tape DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${CMAKE_BINARY_DIR}/man/p11tape.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()

# For programs that read tapes: find_package(p11tape), then link p11tape::tape. config/read_tape is an example.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/p11tape)
set_target_properties(p11tape_tape PROPERTIES EXPORT_NAME tape)
set_target_properties(p11tape_cryptoki PROPERTIES EXPORT_NAME cryptoki)
install(TARGETS p11tape_tape p11tape_cryptoki EXPORT p11tape ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT p11tape FILE p11tapeConfig.cmake NAMESPACE p11tape:: DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/p11tapeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/p11tapeConfigVersion.cmake DESTINATION ${package_dir})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/p11tape DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")

install(FILES ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/LICENSE ${CMAKE_SOURCE_DIR}/include/p11tape/FORMAT.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/config/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where, by Debian's customs: modules in <lib>/pkcs11, examples with the documentation.
#
# With the default prefix the module's path is /usr/local/lib/pkcs11/p11tape.so: short enough for IBM MQ's
# cryptographic hardware string (256 bytes in all), and in a folder from which ssh-agent accepts modules.
set(P11TAPE_MODULE_DIR ${CMAKE_INSTALL_LIBDIR}/pkcs11 CACHE STRING "Folder of the installed p11tape.so")

install(TARGETS p11tape_shim p11tape_player_module p11tape_run LIBRARY DESTINATION ${P11TAPE_MODULE_DIR})
install(TARGETS p11tape RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/p11tape DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h")
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/LICENSE ${CMAKE_SOURCE_DIR}/include/p11tape/FORMAT.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/config/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

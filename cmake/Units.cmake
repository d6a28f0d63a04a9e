# units(DIRECTORY): install the systemd units in it, with the program where it is installed.
function(units directory)
    file(GLOB files CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${directory}/*")
    foreach(file IN LISTS files)
        get_filename_component(name "${file}" NAME)
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
        file(READ "${file}" text)
        string(REPLACE "/usr/sbin/countersign" "${CMAKE_INSTALL_FULL_SBINDIR}/countersign" text
                       "${text}")
        file(GENERATE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/units/${name}" CONTENT "${text}")
        install(FILES "${CMAKE_CURRENT_BINARY_DIR}/units/${name}" DESTINATION lib/systemd/system)
    endforeach()
endfunction()

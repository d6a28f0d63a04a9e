# Finds llhttp and provides llhttp::llhttp.
#   1. a CMake package (upstream; libllhttp-dev of Debian 13 and later)
#   2. a library and a header
#   3. C sources, built here with warnings off (node-llhttp of Debian 12, libllhttp-source)
# The sources of 8.1 are the loose parser unless LLHTTP_STRICT_MODE is 1; 9 has no such switch.
find_package(llhttp CONFIG QUIET)
if(llhttp_FOUND)
    foreach(candidate llhttp::llhttp llhttp::llhttp_shared llhttp::llhttp_static)
        if(TARGET ${candidate} AND NOT TARGET llhttp::llhttp)
            add_library(llhttp::llhttp INTERFACE IMPORTED)
            target_link_libraries(llhttp::llhttp INTERFACE ${candidate})
        endif()
    endforeach()
endif()

if(NOT TARGET llhttp::llhttp)
    find_path(Llhttp_INCLUDE_DIR llhttp.h
              PATHS /usr/src/llhttp/include /usr/share/include/llhttp)
    find_library(Llhttp_LIBRARY llhttp)
    find_path(Llhttp_SOURCE_DIR llhttp.c PATHS /usr/src/llhttp/src /usr/share/llhttp
              NO_DEFAULT_PATH)
    if(Llhttp_INCLUDE_DIR AND Llhttp_LIBRARY)
        add_library(llhttp::llhttp UNKNOWN IMPORTED)
        set_target_properties(llhttp::llhttp PROPERTIES IMPORTED_LOCATION "${Llhttp_LIBRARY}"
            INTERFACE_INCLUDE_DIRECTORIES "${Llhttp_INCLUDE_DIR}")
    elseif(Llhttp_INCLUDE_DIR AND Llhttp_SOURCE_DIR)
        add_library(llhttp_sources STATIC "${Llhttp_SOURCE_DIR}/llhttp.c"
            "${Llhttp_SOURCE_DIR}/http.c" "${Llhttp_SOURCE_DIR}/api.c")
        target_include_directories(llhttp_sources SYSTEM PUBLIC "${Llhttp_INCLUDE_DIR}")
        target_compile_definitions(llhttp_sources PUBLIC LLHTTP_STRICT_MODE=1)
        target_compile_options(llhttp_sources PRIVATE -w)
        set_target_properties(llhttp_sources PROPERTIES POSITION_INDEPENDENT_CODE ON)
        add_library(llhttp::llhttp ALIAS llhttp_sources)
    endif()
endif()

if(TARGET llhttp::llhttp)
    set(Llhttp_TARGET llhttp::llhttp)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Llhttp REQUIRED_VARS Llhttp_TARGET REASON_FAILURE_MESSAGE
    "install libllhttp-dev, or node-llhttp on Debian 12")

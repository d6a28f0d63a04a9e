# tests/unit mirrors the tree: tests/unit/base/str_test.c tests base/str.c. Each file is one
# program, linked to its folder's library; it becomes the target unit_base_str, and units_base
# builds all of a folder. What else lies in a folder, as lab.c, is linked to each of its programs.
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
file(GLOB support_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/tests/support/*.c")
if(support_sources)
    add_library(test_support STATIC ${support_sources})
    target_include_directories(test_support PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}")
    target_link_libraries(test_support PUBLIC lib_base OpenSSL::Crypto PkgConfig::CMOCKA
                          PRIVATE build_flags)
else()
    add_library(test_support INTERFACE)
endif()

# lab_of(DIRECTORY GROUP): the library lab_GROUP of the sources of a folder that are no tests.
function(lab_of directory group)
    file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/tests/unit/${directory}/*.c")
    list(FILTER sources EXCLUDE REGEX "_test\\.c$")
    if(sources)
        add_library(lab_${group} STATIC ${sources})
        target_link_libraries(lab_${group} PUBLIC lib_${group} test_support PRIVATE build_flags)
    endif()
endfunction()

file(GLOB_RECURSE unit_tests CONFIGURE_DEPENDS RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}/tests/unit"
     "${CMAKE_CURRENT_SOURCE_DIR}/tests/unit/*_test.c")
foreach(test IN LISTS unit_tests)
    get_filename_component(directory "${test}" DIRECTORY)
    get_filename_component(stem "${test}" NAME_WE)
    string(REPLACE "/" "_" group "${directory}")
    string(REGEX REPLACE "_test$" "" stem "${stem}")
    set(name "unit_${group}_${stem}")
    if(NOT TARGET units_${group})
        add_custom_target(units_${group})
        lab_of("${directory}" "${group}")
    endif()
    add_executable(${name} "tests/unit/${test}")
    target_link_libraries(${name} PRIVATE $<TARGET_NAME_IF_EXISTS:lab_${group}> lib_${group}
                          test_support PkgConfig::CMOCKA build_flags)
    target_compile_definitions(${name} PRIVATE
        TEST_SOURCE_DIR="${CMAKE_CURRENT_SOURCE_DIR}")
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 120)
    add_dependencies(units_${group} ${name})
endforeach()

# text(FOLDER FILE NAME): FILE as one C text in <NAME.h> for the files of FOLDER.
function(text folder path name)
    set(source "${CMAKE_CURRENT_SOURCE_DIR}/${path}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
    file(READ "${source}" text)
    string(REPLACE "\\" "\\\\" text "${text}")
    string(REPLACE "\"" "\\\"" text "${text}")
    string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
    set(generated "${CMAKE_CURRENT_BINARY_DIR}/generated")
    file(CONFIGURE OUTPUT "${generated}/${name}.h"
         CONTENT "static const char ${name}[] =\n    \"${text}\";\n" @ONLY)
    string(REPLACE "/" "_" library "lib_${folder}")
    target_include_directories(${library} SYSTEM PRIVATE "${generated}")
endfunction()

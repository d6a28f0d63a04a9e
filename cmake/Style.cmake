# style(FOLDER PATH NAME): the style sheet PATH as the C text NAME in <NAME.h> for the files of
# FOLDER, and NAME_TAG, a part of its SHA-256: another text is served under another name.
function(style folder path name)
    set(file "${CMAKE_CURRENT_SOURCE_DIR}/${path}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    file(SHA256 "${file}" hash)
    string(SUBSTRING "${hash}" 0 16 tag)
    file(READ "${file}" text)
    string(REPLACE "\\" "\\\\" text "${text}")
    string(REPLACE "\"" "\\\"" text "${text}")
    string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
    set(generated "${CMAKE_CURRENT_BINARY_DIR}/generated")
    file(CONFIGURE OUTPUT "${generated}/${name}.h" CONTENT
         "#define ${name}_TAG \"${tag}\"\nstatic const char ${name}[] =\n    \"${text}\";\n" @ONLY)
    string(REPLACE "/" "_" library "lib_${folder}")
    target_include_directories(${library} SYSTEM PRIVATE "${generated}")
endfunction()

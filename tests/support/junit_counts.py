"""Print "PASSED FAILED" of a JUnit file. Skipped tests are named with their reason."""
import sys
import xml.etree.ElementTree as ET

passed = failed = 0
for case in ET.parse(sys.argv[1]).iter("testcase"):
    name = f"{case.get('classname')}::{case.get('name')}"
    skipped = case.find("skipped")
    if case.find("failure") is not None or case.find("error") is not None:
        failed += 1
    elif skipped is not None:
        print(f"skipped: {name}: {skipped.get('message')}", file=sys.stderr)
    else:
        passed += 1
print(passed, failed)

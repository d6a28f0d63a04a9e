#!/usr/bin/env python3
"""Tests circles.py on small builds: python3 tests/lint/circles_test.py"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).with_name("circles.py")


class CirclesTest(unittest.TestCase):
    def findings(self, files, removed=(), known=None):
        """files: {source: C text}; each becomes an object where CMake would put it."""
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            for path, text in files.items():
                source = root / path
                target = f"lib_{pathlib.Path(path).parent.as_posix().replace('/', '_')}.dir"
                built = root / "build/CMakeFiles" / target / f"{path}.o"
                for file in (source, built):
                    file.parent.mkdir(parents=True, exist_ok=True)
                source.write_text(text, encoding="utf-8")
                subprocess.run(["cc", "-c", "-o", built, source], check=True)
            for path in removed:
                (root / path).unlink()
            (root / "build").mkdir(exist_ok=True)
            script = SCRIPT
            if known is not None:
                script = root / "circles.py"
                script.write_text(SCRIPT.read_text(encoding="utf-8").replace(
                    "KNOWN = set()", f"KNOWN = {known!r}"), encoding="utf-8")
            run = subprocess.run([sys.executable, script, "--root", root, root / "build"],
                                 capture_output=True, text=True, check=False)
            self.assertEqual(run.stderr, "")
            self.assertEqual(run.returncode, 1 if run.stdout else 0)
            return run.stdout

    TWO = {"x/a.c": "void b(void); void a(void) { b(); }",
           "x/b.c": "void a(void); void b(void) { a(); }"}

    def test_none(self):
        self.assertEqual("", self.findings({
            "x/a.c": "void b(void); void a(void) { b(); }",
            "x/b.c": "void c(void); void b(void) { c(); }",
            "x/c.c": "#include <stdlib.h>\nvoid c(void) { c(); free(0); }"}))

    def test_two(self):
        found = self.findings(self.TWO)
        self.assertIn("x: a circle: a.c, b.c", found)
        self.assertIn("a.c -> b.c: b", found)

    def test_three_and_who_only_looks_on(self):
        found = self.findings({
            "x/y/a.c": "void b(void); void a(void) { b(); }",
            "x/y/b.c": "extern int c; void b(void) { c = 1; }",
            "x/y/c.c": "void a(void); int c; void (*p)(void) = a;",
            "x/y/d.c": "void a(void); void d(void) { a(); }",
            "x/y/e.c": "void e(void) { }"})
        self.assertIn("x/y: a circle: a.c, b.c, c.c\n", found)

    def test_two_circles(self):
        found = self.findings({
            **self.TWO,
            "x/c.c": "void d(void); void a(void); void c(void) { d(); a(); }",
            "x/d.c": "void c(void); void d(void) { c(); }"})
        self.assertIn("x: a circle: a.c, b.c\n", found)
        self.assertIn("x: a circle: c.c, d.c\n", found)

    def test_other_folders_are_for_layers(self):
        self.assertEqual("", self.findings({
            "x/a.c": "void b(void); void a(void) { b(); }",
            "y/b.c": "void a(void); void b(void) { a(); }"}))

    def test_what_was_removed(self):
        """A build directory keeps objects of sources that are gone."""
        self.assertEqual("", self.findings(self.TWO, removed=["x/b.c"]))

    def test_same_names_of_static_functions(self):
        self.assertEqual("", self.findings({
            "x/a.c": "static void f(void) { } void a(void) { f(); }",
            "x/b.c": "void a(void); static void f(void) { a(); } void b(void) { f(); }"}))

    def test_nothing_built(self):
        self.assertIn("build first", self.findings({}))

    def test_known(self):
        self.assertEqual("", self.findings(self.TWO, known={("x", "a", "b")}))
        self.assertIn("no circle any more", self.findings(
            {"x/a.c": "void a(void) { }"}, known={("x", "a", "b")}))


if __name__ == "__main__":
    unittest.main()

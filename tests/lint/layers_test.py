#!/usr/bin/env python3
"""Tests layers.py on small trees, each with one fault: python3 tests/lint/layers_test.py"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).with_name("layers.py")
LAYERS = "base:\nhigh: base\n<uv.h>: high\n"


class LayersTest(unittest.TestCase):
    def findings(self, files, *options):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            for path, text in {"docs/layers.txt": LAYERS, **files}.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text, encoding="utf-8")
            run = subprocess.run([sys.executable, SCRIPT, "--root", root, *options],
                                 capture_output=True, text=True, check=False)
            self.assertEqual(run.stderr, "")
            self.assertEqual(run.returncode, 1 if run.stdout else 0)
            return run.stdout

    def test_clean_tree(self):
        self.assertEqual("", self.findings({
            "base/a.h": "", "base/a.c": '#include "base/a.h"\n',
            "high/b.c": '#include <uv.h>\n#include "base/a.h"\n',
            "tests/unit/base/a_test.c": '#include "base/a.c"\n#include <uv.h>\n'}))

    def test_arrow(self):
        self.assertIn("base/a.c:2: base must not include", self.findings({
            "high/b.h": "", "base/a.c": '\n#include "high/b.h"\n'}))

    def test_include_not_from_the_root(self):
        self.assertIn('base/a.c:1: "a.h" is no path', self.findings({
            "base/a.h": "", "base/a.c": '#include "a.h"\n'}))

    def test_wall(self):
        self.assertIn("base/a.c:1: <uv.h> may be included only in high", self.findings({
            "base/a.c": "# include <uv.h>\n"}))

    def test_unknown_folder(self):
        self.assertIn("new/a.c:1: the folder new", self.findings({"new/a.c": ""}))

    def test_circle_of_files(self):
        self.assertIn("base/a.c:1: circle of files: base/a -> base/b -> base/c -> base/a",
                      self.findings({
                          "base/a.h": "", "base/a.c": '#include "base/b.h"\n',
                          "base/b.h": '#include "base/c.h"\n', "base/b.c": "",
                          "base/c.h": "", "base/c.c": '#include "base/a.h"\n'}))

    def test_private_header_is_no_circle(self):
        self.assertEqual("", self.findings({
            "base/a.h": "", "base/a_inner.h": '#include "base/a.h"\n',
            "base/a.c": '#include "base/a.h"\n#include "base/a_inner.h"\n'}))

    def test_circle_of_folders(self):
        self.assertIn("docs/layers.txt:1: circle of folders: a -> b -> a", self.findings({
            "docs/layers.txt": "a: b\nb: a\n"}))

    def test_sizes(self):
        self.assertIn("base/a.c:701: 701 lines", self.findings({"base/a.c": "\n" * 701}))
        self.assertIn("base/a.h:251: 251 lines", self.findings({"base/a.h": "\n" * 251}))
        self.assertEqual("", self.findings({"base/a.c": "\n" * 700, "base/a.h": "\n" * 250}))

    def test_function_length(self):
        def body(lines):
            return ("static const int v[] = {1};\nint f(int (*g)(void))\n{\n    /* } */\n"
                    "#define X {\n" + '    puts("{");\n' * (lines - 3) + "}\n")

        self.assertEqual("", self.findings({"base/a.c": body(60)}))
        self.assertIn("base/a.c:3: f() has 61 lines", self.findings({"base/a.c": body(61)}))

    def test_reasons(self):
        table = {"base/reason.def": '/* x */\nREASON(A_B, 400, "a_b", PEER, "text")\n'}
        self.assertIn('base/reason.def:2: no test under tests/ names the reason "a_b"',
                      self.findings({**table, "tests/flow/x": "a_bc\n",
                                     "tests/unit/base/reason_test.c": "REASON_A_B"}, "--reasons"))
        self.assertEqual("", self.findings({**table, "tests/flow/x": "reason=a_b "}, "--reasons"))
        self.assertEqual("", self.findings({**table, "tests/unit/x_test.c": "REASON_A_B,"},
                                           "--reasons"))


if __name__ == "__main__":
    unittest.main()

//! The code view: what is blank, what stays, and that nothing breaks it.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::code::{CodeView, code_view};

/// The modules that a text names.
fn modules(text: &str) -> Vec<&str> {
    let CodeView { imports, .. } = code_view(text);
    imports.iter().map(|import| &text[import.specifier.clone()]).collect()
}

#[test]
fn all_but_code_is_blank() {
    for (text, view) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b\n c */ d", "a     \n      d"),
        ("#!/usr/bin/env node\na", "                   \na"),
        ("x = 'it is'; y", "x = '     '; y"),
        ("x = \"a\\\"b\"; y", "x = \"    \"; y"),
        ("x = `a ${b} c`; y", "x = `  ${b}  `; y"),
        ("`a ${`b ${c} d`} e`; f", "`  ${`  ${c}  `}  `; f"),
        ("`${{a:1}.a}x`", "`${{a:1}.a} `"),
        ("x = /['\"`]/g; y", "x =         ; y"),
        ("x = /[/'\"]/; y", "x =        ; y"),
        ("a / b / 'c d'", "a / b / '   '"),
        ("f(a) / b; 'c'", "f(a) / b; ' '"),
        ("if (a) /'/.test(b)", "if (a)    .test(b)"),
        ("return /'/", "return    "),
        ("i++ / 2; '/ x'", "i++ / 2; '   '"),
        ("a[0] / b / c", "a[0] / b / c"),
        ("}\n/don't/.test(x)", "}\n       .test(x)"),
        ("x = 'open\ny", "x =      \ny"),
        ("x = 'ö ü'; y", "x = '     '; y"),
        ("x = 'a\\\nb'; y", "x = '  \n '; y"),
    ] {
        assert_eq!(code_view(text).text, view, "{text}");
    }
}

#[test]
fn modules_are_seen_in_every_form() {
    for (text, module) in [
        ("import a from 'm'", "m"),
        ("import 'm'", "m"),
        ("import{a}from\"m\"", "m"),
        ("import*as a from'm'", "m"),
        ("import a, {\n  b as c,\n} from\n  'm'", "m"),
        ("import { 'a-b' as c } from 'm'", "m"),
        ("import type from 'm'", "m"),
        ("import type, { a } from 'm'", "m"),
        ("import a from 'm' with { type: 'json' }", "m"),
        ("export * from 'm'", "m"),
        ("export * as a from 'm'", "m"),
        ("export { a, b } from 'm'", "m"),
        ("export {}\nimport a from 'm'", "m"),
        ("a = require('m')", "m"),
        ("a = require ( /* why */ 'm' ).default", "m"),
        ("f(); await import('m')", "m"),
        ("import('m').then(f)", "m"),
        ("import(\n  'm'\n)", "m"),
        ("createRequire(import.meta.url)('m')", "m"),
        ("`${require('m')}`", "m"),
        ("'use strict';import a from 'm'", "m"),
        ("const a = {}\nimport b from 'm'", "m"),
    ] {
        assert_eq!(modules(text), [module], "{text}");
    }
}

#[test]
fn what_only_looks_like_a_module_is_none() {
    for text in [
        "// import 'm'",
        "/* import 'm' */",
        "`import 'm'`",
        "\"import 'm'\"",
        "import type a from 'm'",
        "import type { a } from 'm'",
        "import type * as a from 'm'",
        "export type { a } from 'm'",
        "export const a = 'm'",
        "export default 'm'",
        "const o = {\n  import: 'm',\n  from: 'm',\n  require: 'm' }",
        "jest.mock('m')",
        "myrequire('m')",
        "loader.require('m')",
        "require.resolve('m')",
        "Array.from('m')",
        "import(name, 'm')",
        "x = /require('m')/",
        "import x from 'two words'",
        "import.meta.glob\n('m')",
    ] {
        assert_eq!(modules(text), [""; 0], "{text}");
    }
}

#[test]
fn hostile_texts_are_done_in_time() {
    let n = 100_000;
    for text in [
        format!("import {}", "{".repeat(n)),
        "/*".repeat(n),
        "`${".repeat(n),
        format!("'{}", "\\'".repeat(n)),
        "=/[".repeat(n),
        "=/\\".repeat(n),
        "import from ".repeat(n),
        "require(".repeat(n),
        "}/a".repeat(n),
        "'".repeat(n),
        "process.env['A".repeat(n / 4),
        "import './x';\n".repeat(n / 4),
    ] {
        let begun = Instant::now();
        let rules = super::rules(vec![super::openai()]);
        let _ = super::analyse(&rules, std::path::Path::new("a.js"), text.as_bytes());
        // A linear pass takes milliseconds; a quadratic one minutes. Debug builds are slow.
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(5), "{:.20}… took {took:?}", text);
    }
}

proptest! {
    #[test]
    fn every_text_keeps_its_length_and_its_lines(
        text in r#"(?s)([a-z${}()/\\\[\]'"`*\n\r;.=<ö -]|import |require\(|from |//|/\*|\*/|\$\{){0,80}"#
    ) {
        let CodeView { text: view, imports, .. } = code_view(&text);
        prop_assert_eq!(view.len(), text.len());
        let ends = |text: &str| -> Vec<usize> {
            text.match_indices(['\n', '\r']).map(|(at, _)| at).collect()
        };
        prop_assert_eq!(ends(&view), ends(&text));
        for import in imports {
            prop_assert!(import.at <= import.specifier.start);
            prop_assert_eq!(&text[import.specifier.clone()], &view[import.specifier.clone()]);
        }
    }

    #[test]
    fn any_bytes_are_analysed(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let rules = super::rules(vec![super::openai()]);
        let _ = super::analyse(&rules, std::path::Path::new("a.js"), &bytes);
    }
}

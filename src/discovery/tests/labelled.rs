//! Forms that files have in the field, each with what it is.

use super::{Verdict, VerdictKind, folder, found, kinds, openai, rules, verdict};

/// Judges one text as a file alone in its folder.
fn is_worker(text: &str) -> bool {
    let rules = rules(vec![openai()]);
    let listing = folder(&rules, &[("a.js", text)]);
    kinds(&found(&rules, &listing))["a.js"] == VerdictKind::Worker
}

#[test]
fn files_that_use_the_sdk_are_workers() {
    let late = format!("{}const O = require('openai');", "// filler\n".repeat(3000));
    for text in [
        "import OpenAI from \"openai\";\n",
        "import OpenAI from 'openai'\nconst x = 1\n",
        "import { OpenAI } from 'openai';",
        "import OpenAI, {\n  toFile,\n  APIError as E,\n} from\n  'openai';",
        "import * as openai from 'openai';",
        "import 'openai/shims/node';",
        "import{readFileSync as r}from\"fs\";import t from\"openai\";const c=new t;",
        "'use strict'; import OpenAI from 'openai';",
        "import { zodResponseFormat } from 'openai/helpers/zod';",
        "import { toFile } from 'openai/uploads';",
        "const OpenAI = require('openai');",
        "const { OpenAI } = require('openai');",
        "const OpenAI = require('openai').default || require('openai');",
        "function f() { return require(\"openai\") }",
        "import { createRequire } from 'module';\nconst require = createRequire(import.meta.url);\nconst O = require('openai');",
        "const O = (await import('openai')).default;",
        "const { default: O } = await import('openai');",
        "import('openai').then(({ default: O }) => new O());",
        "console.log(`${(await import('openai')).default.name}`);",
        "import { Configuration, OpenAIApi } from 'openai';",
        "import { AzureOpenAI } from 'openai';\nnew AzureOpenAI();",
        "#!/usr/bin/env node\nimport OpenAI from 'openai';",
        "\u{feff}import OpenAI from 'openai';",
        "'use strict';\r\nconst OpenAI = require('openai');\r\n",
        "// don't\nimport OpenAI from 'openai';",
        "const s = \"don't\";\nconst O = require('openai');",
        "const r = /['\"`]/g, q = /\\/\\*/;\nconst O = require('openai');",
        "const u = 'https://api.example.com//x';\nconst O = require('openai');",
        "const t = `it's ${1 + 1} // no`;\nconst O = require('openai');",
        "// import OpenAI from 'openai';\nconst O = require('openai');",
        "const a = 1; function f() { return a }\nimport OpenAI from 'openai';",
        &late,
    ] {
        assert!(is_worker(text), "{text}");
    }
}

#[test]
fn files_that_only_look_like_it_are_none() {
    for text in [
        "// import OpenAI from 'openai';",
        "// // const O = require('openai');",
        "/*\nimport OpenAI from 'openai';\nconst x = require('openai');\n*/",
        "/**\n * @example\n * import OpenAI from 'openai';\n */\nexport function f() {}",
        "const doc = \"import OpenAI from 'openai'\";",
        "const code = `\nimport OpenAI from 'openai';\n`;",
        "const prompt = 'Tell me about openai'; const o = { openai: 1 };",
        "fetch('https://api.openai.com/v1/chat/completions');",
        "import { OpenAIApi } from 'openai-edge';",
        "import x from '@acme/openai';",
        "import x from './openai.js';",
        "import x from 'some/openai';",
        "import OpenAI from 'npm:openai';",
        "import type OpenAI from 'openai';",
        "import type { OpenAI } from 'openai';",
        "jest.mock('openai');",
        "vi.mock('openai', () => ({}));",
        "const r = /require\\('openai'\\)/;",
        "export { OpenAI } from 'openai';",
        "export * from 'openai';",
        "import { ChatOpenAI } from '@langchain/openai';",
        "import A from '@anthropic-ai/sdk';",
        "",
    ] {
        assert!(!is_worker(text), "{text}");
    }
}

#[test]
fn other_packages_are_found_when_a_rule_names_them() {
    let mut rule = openai();
    rule.imports = super::words(&["@langchain/openai", "ai"]);
    let rules = rules(vec![rule]);
    let listing = folder(
        &rules,
        &[
            ("lc.js", "import { ChatOpenAI } from '@langchain/openai';"),
            ("ai.js", "import x from 'ai/react';"),
            ("aix.js", "import x from 'aix';"),
            ("no.js", "import x from 'openai';"),
        ],
    );
    let discovered = found(&rules, &listing);
    let kinds = kinds(&discovered);
    let worker = VerdictKind::Worker;
    assert_eq!((kinds["lc.js"], kinds["ai.js"]), (worker, worker));
    assert_ne!(kinds["aix.js"], worker);
    assert_ne!(kinds["no.js"], worker);
}

#[test]
fn verdicts_name_rule_and_line_or_the_reason() {
    let rules = rules(vec![openai()]);
    let listing = folder(
        &rules,
        &[
            ("third.js", "'use strict';\n\nconst O = require('openai');\n"),
            ("multi.js", "// a\nimport {\n  O,\n} from 'openai';\n"),
            ("far.js", "\n\nimport './shared/one.js';\n"),
            ("shared/one.js", "import './two.js';"),
            ("shared/two.js", "export * from 'openai';"),
            ("plain.js", "f();"),
            ("again.js", "\nexport * from 'openai'"),
            ("notes.txt", "import 'openai'"),
            ("_hidden.js", "import 'openai'"),
            ("a.test.js", "import 'openai'"),
            ("c d.js", "import 'openai'"),
        ],
    );
    let discovered = found(&rules, &listing);
    for (file, expected) in [
        ("third.js", "worker 3"),
        ("multi.js", "worker 2"),
        ("far.js", "worker 3: imports `openai` through `shared/two.js`"),
        ("shared/one.js", "helper: imported by `far.js`"),
        ("plain.js", "ignored: rule `openai-node`: imports none of `openai`"),
        ("again.js", "helper: rule `openai-node`: only re-exports `openai` (line 2)"),
        ("notes.txt", "ignored: no rule's `files` fits the name"),
        ("_hidden.js", "ignored: passed over: the name begins with `_`"),
        ("a.test.js", "ignored: passed over by `**/*.test.*` of `ignore`"),
        ("c d.js", "rejected 1: the id has the character ' '; allowed are `A-Z a-z 0-9 . _ -`"),
    ] {
        assert_eq!(in_words(verdict(&discovered, file)), expected, "{file}");
    }
    assert_eq!(
        serde_json::to_string(verdict(&discovered, "third.js")).expect("it serialises"),
        r#"{"file":"third.js","verdict":"worker","id":"third","rule":"openai-node","line":3,"reason":null}"#
    );
}

fn in_words(verdict: &Verdict) -> String {
    let kind = format!("{:?}", verdict.verdict).to_lowercase();
    let line = verdict.line.map(|line| format!(" {line}"));
    let reason = verdict.reason.as_ref().map(|reason| format!(": {reason}"));
    format!("{kind}{}{}", line.unwrap_or_default(), reason.unwrap_or_default())
}

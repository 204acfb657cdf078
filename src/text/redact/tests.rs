//! What is replaced, what stays, and what waits.

use proptest::prelude::*;

use super::*;

const KEY: &str = "CANARYkey0123456789abcdef";

fn redactor(secrets: &[(&str, &str)], patterns: &[&str]) -> Redactor {
    let secrets: Vec<_> = secrets.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let patterns: Vec<_> = patterns.iter().map(|p| (*p).to_owned()).collect();
    Redactor::new(&secrets, &patterns).expect("good patterns")
}

fn usual() -> Redactor {
    redactor(&[("API_KEY", KEY), ("SHORT", "1234567")], &["sk-[A-Za-z0-9_-]{16,}", "card-[0-9]{6}"])
}

#[test]
fn secrets_and_matches_are_replaced_and_the_rest_stays() {
    for (input, expected) in [
        ("nothing here", "nothing here"),
        ("key CANARYkey0123456789abcdef.", "key [redacted API_KEY]."),
        (
            "CANARYkey0123456789abcdefCANARYkey0123456789abcdef",
            "[redacted API_KEY][redacted API_KEY]",
        ),
        ("Basic Q0FOQVJZa2V5MDEyMzQ1Njc4OWFiY2RlZg==", "Basic [redacted API_KEY]"),
        ("1234567 is too short", "1234567 is too short"),
        ("sk-abcdefghijklmnopqrstuv sk-short", "[redacted pattern] sk-short"),
        ("card-123456 card-12", "[redacted pattern] card-12"),
        ("$0 ${x} stays", "$0 ${x} stays"),
    ] {
        assert_eq!(usual().redact_str(input), expected);
    }
}

#[test]
fn clean_text_is_not_copied() {
    assert!(matches!(usual().redact(&[b'x'; 5000]), Cow::Borrowed(_)));
    assert!(matches!(Redactor::default().redact(b"x"), Cow::Borrowed(_)));
}

#[test]
fn the_longer_of_two_secrets_wins() {
    let redactor = redactor(&[("SHORT", "abcdefgh"), ("LONG", "abcdefgh-and-more")], &[]);
    assert_eq!(
        redactor.redact_str("abcdefgh-and-more abcdefgh-and"),
        "[redacted LONG] [redacted SHORT]-and"
    );
    assert_eq!(redactor.held_back(b"x abcdefgh"), 8);
}

#[test]
fn only_what_may_still_become_a_secret_waits() {
    let table: [(&[u8], usize); 12] = [
        (b"", 0),
        (b"Password? ", 0),
        (b"half CANARYkey01", 11),
        (b"half C", 1),
        (b"CANARYkey0123456789abcdef", 0),
        (b"CANARYkey0123456789abcdef CAN", 3),
        (b"found s", 1),
        (b"found sk-abc", 6),
        (b"found sk-abcdefghijklmnopqrstuv", 25),
        (b"found sk-abc def", 0),
        (b"card-12345", 10),
        (b"task", 2),
    ];
    for (text, held) in table {
        assert_eq!(usual().held_back(text), held, "{:?}", String::from_utf8_lossy(text));
    }
}

#[test]
fn what_waits_does_not_begin_inside_of_a_secret() {
    let redactor = redactor(&[("ONE", "abcd-WXYZ"), ("TWO", "WXYZ-12345")], &[]);
    assert_eq!(redactor.held_back(b"so abcd-WXYZ"), 9);
}

#[test]
fn patterns_are_of_lines_and_of_bytes_but_may_need_unicode() {
    let redactor = redactor(&[], &["^TOKEN=.*$", r"\p{Greek}{3}", "grün-[äöü]+"]);
    assert_eq!(
        redactor.redact_str("a\nTOKEN=1 2\nb αβγ"),
        "a\n[redacted pattern]\nb [redacted pattern]"
    );
    assert_eq!(redactor.redact_str("grün-äö."), "[redacted pattern].");
    assert_eq!(redactor.redact(b"\xff TOKEN=").as_ref(), b"\xff TOKEN=");
}

#[test]
fn a_bad_pattern_is_named_by_its_index_with_the_reason() {
    for pattern in ["sk-[", "(?:a{1000}){1000}{1000}"] {
        let error =
            Redactor::new(&[], &["a".to_owned(), pattern.to_owned()]).expect_err("a bad pattern");
        let error = error.to_string();
        assert!(error.contains("index 1") && !error.contains('\n'), "{error}");
        // The pattern itself may hold a secret.
        assert!(!error.contains(pattern), "{error}");
    }
}

#[test]
fn secrets_are_not_in_the_debug_form() {
    assert!(!format!("{:?}", usual()).contains("CANARY"));
}

proptest! {
    /// The rule by which text is passed on piecemeal, over any pieces.
    #[test]
    fn a_secret_never_appears_however_it_arrives(
        pieces in proptest::collection::vec("(CANARY|key0123|456789abcdef|sk-|abcdefghijklmnop|x|C)", 0..24),
        splits in proptest::collection::vec(1..12usize, 1..40),
    ) {
        let redactor = usual();
        let text = pieces.concat();
        let (mut shown, mut waiting, mut rest) = (Vec::new(), Vec::new(), text.as_bytes());
        for split in splits.iter().cycle() {
            if rest.is_empty() { break; }
            let (piece, later) = rest.split_at((*split).min(rest.len()));
            rest = later;
            waiting.extend_from_slice(piece);
            let now = waiting.len() - redactor.held_back(&waiting);
            shown.extend_from_slice(&redactor.redact(&waiting[..now]));
            waiting.drain(..now);
        }
        shown.extend_from_slice(&redactor.redact(&waiting));
        let shown = String::from_utf8(shown).expect("ASCII");
        prop_assert!(!shown.contains(KEY), "{shown}");
        prop_assert_eq!(shown, redactor.redact_str(&text));
    }
}

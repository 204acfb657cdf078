//! Plans for workers that watch other files.

use std::{path::PathBuf, sync::Arc};

use super::{EMPTY, around, candidate};
use crate::{
    domain::{Fingerprint, PlanList},
    plan::{Desired, desired, reconcile},
};

#[test]
fn watched_files_are_a_part_of_the_launch_and_named_as_its_cause() {
    let made = |files: &[(&str, u128)]| {
        let files = files.iter().map(|(path, print)| (PathBuf::from(path), Fingerprint(*print)));
        let watching = candidate("a", 1).with_watched(files, &["odd".to_owned()]);
        let all = [Arc::new(watching), candidate("b", 1)];
        desired(&EMPTY, &all, &around(None), &Desired::default())
    };
    let (one, two) = (("../prompts/a.md", 1), ("../prompts/b.md", 2));
    let before = made(&[one]);
    let actual: Vec<_> = before.workers.values().cloned().collect();
    assert!(actual[0].warnings.contains(&"odd".to_owned()));
    for (files, expected) in [
        (&[one][..], None),
        (&[("../prompts/a.md", 9)], Some("../prompts/a.md")),
        (&[one, two], Some("../prompts/b.md")),
        (&[], Some("../prompts/a.md")),
    ] {
        let plan = reconcile(&made(files), &actual, &before).summary;
        let reasons: Vec<_> = plan.reasons().into_values().collect();
        assert_eq!(reasons, expected.into_iter().collect::<Vec<_>>(), "{files:?}");
        let restarted = if expected.is_some() { vec!["a"] } else { vec![] };
        let list = plan.list(PlanList::Restarted);
        assert_eq!(list.iter().map(|id| id.as_str()).collect::<Vec<_>>(), restarted);
    }
}

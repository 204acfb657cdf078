//! Whatever is taken for an id names a file of its own in the folder it is put into, and no other.

#![no_main]

use std::path::Path;

use arcanos::internals::domain::WorkerId;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|name: &str| {
    if let Ok(id) = WorkerId::parse(name) {
        assert_eq!(id.to_string(), name);
        let path = Path::new("logs").join(format!("{id}.log"));
        assert_eq!(path.parent(), Some(Path::new("logs")));
        assert!(name.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    let _ = WorkerId::of_file_name(name);
});

//! `--store file:DIR`.

use std::fs;

use host_tests::server::private_directory;

use super::run;

/// `file:DIR` is `--dir DIR`: a command that finds no store there leaves nothing behind.
#[test]
fn a_directory_without_a_store_stays_as_it_is() {
    let directory = private_directory();
    let store = format!("file:{}", directory.path().display());
    let output = run(["rm", "session-1", "--store", &store]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("there is no session store in"), "{said}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

//! Valid manifests, and valid compositions.

use wasmtime::Result;

use super::manifest::{Inherit, Mount};
use super::name::Name;
use super::{capabilities, component, composed, load, rules, text, with};

const KEY: &str = r#""session3:sessions@0.2.0" = "#;
/// The dependency.
const STORE: &str = "../../target/components/session-store-standalone-0.2.0.wasm";
const INHERIT: &str = r#", inherit_configuration = ["files"]"#;

#[track_caller]
fn refused<T>(result: Result<T>, why: &str) {
    let Err(error) = result else { panic!("not refused; expected {why:?}") };
    assert!(format!("{error:#}").contains(why), "{error:#}");
}

#[test]
fn the_manifest_is_one() {
    rules::read(&text()).unwrap();
}

#[test]
fn what_spin_does_not_know_is_refused() {
    for (from, to) in [
        ("spin_manifest_version = 2", "spin_manifest_version = 2\nname = \"x\""),
        ("description =", "licence ="),
        ("route = ", "path = "),
        ("files = ", "directories = "),
        ("destination = ", "to = "),
        ("inherit_configuration = ", "inherits = "),
    ] {
        assert!(rules::read(&with(from, to)).is_err(), "{to}");
    }
}

#[test]
fn what_spin_does_not_load_is_refused() {
    for (from, to, why) in [
        ("spin_manifest_version = 2", "spin_manifest_version = 3", "version 3"),
        ("component = \"demo\"", "component = \"shop\"", "no component \"shop\""),
        ("route = \"/...\"", "route = \"...\"", "does not start with `/`"),
        ("destination = \"/\"", "destination = \"data\"", "not absolute"),
        ("[\"files\"]", "[\"file\"]", "no capability Some(\"file\")"),
        ("sessions@0.2.0", "sessions@0.2", "not a version"),
        ("session3:sessions@", "session3_sessions@", "has no package"),
        ("[\"files\"]", "true, export = \"x\"", "an export cannot be"),
        ("[component.demo]", "[component.demo]\ndependencies_inherit_configuration = true", "exclude each other"),
        (
            KEY,
            "\"session3:sessions/session-store\" = { path = \"x.wasm\" }\n\"session3:sessions@0.2.0\" = ",
            "conflicts",
        ),
    ] {
        refused(rules::read(&with(from, to)), why);
    }
    refused(rules::read(&text().replace("component.demo", "component.my_demo")), "not kebab-case");
}

/// `spin.toml` grants what the component needs, no more and no less.
#[test]
fn the_dependency_inherits_exactly_what_it_asks_for() {
    let component = component(&text()).unwrap();
    let inherited: Vec<_> = component.dependencies.values().map(|it| it.inherit().unwrap()).collect();
    let asked: Vec<_> = capabilities::of(&load(STORE).unwrap()).unwrap();
    assert_eq!(asked, [("files", "wasi:filesystem/preopens@0.2.12".to_string())]);
    assert_eq!(inherited, [&Inherit::Some(vec!["files".into()])]);
    let [Mount::Placement { source, destination }] = &component.files[..] else { panic!("one mount") };
    assert_eq!([source, destination], ["sessions", "/"]);
}

/// The README's line for Spin 3, which has no list.
#[test]
fn spin_3_has_one_switch_for_all() {
    let readme = include_str!("../../../../examples/spin/README.md");
    let line = "dependencies_inherit_configuration = true";
    assert!(readme.lines().any(|it| it.trim() == line));
    let text = with(INHERIT, "").replace("[component.demo]", &format!("[component.demo]\n{line}"));
    composed(&component(&text).unwrap()).unwrap();
}

#[test]
fn a_dependency_that_nothing_imports_is_refused() {
    for key in ["session3:sessions@0.2.1", "session3:sessions/session-events@0.2.0", "session3:other"] {
        let text = with("session3:sessions@0.2.0", key);
        refused(composed(&component(&text).unwrap()), "is for no import");
    }
}

/// Spin registers a dependency under its package's name, so the demo cannot have one per interface.
#[test]
fn one_key_for_each_interface_is_refused() {
    let text = text();
    let line = text.lines().find(|line| line.starts_with(KEY)).unwrap();
    let keys = ["session-manager", "session-store"].map(|it| line.replace("sessions@", &format!("sessions/{it}@")));
    let text = with(line, &keys.join("\n"));
    rules::read(&text).unwrap();
    refused(composed(&component(&text).unwrap()), "package `session3:sessions` has already been registered");
}

#[test]
fn names_are_for_imports_as_spin_has_it() {
    let name = |text: &str| text.parse::<Name>().unwrap();
    let import = name("a:b/c@1.2.3");
    for yes in ["a:b", "a:b/c", "a:b@1.2.3", "a:b/c@1.2.3"] {
        assert!(name(yes).is_for(&import), "{yes}");
        assert_eq!(name(yes).to_string(), yes);
    }
    for no in ["a:c", "a:b/d", "a:b@1.2.4"] {
        assert!(!name(no).is_for(&import), "{no}");
    }
    for (one, two, disjoint) in [
        ("a:b", "a:c", true),
        ("a:b", "a:b/c", false),
        ("a:b/c", "a:b/d", true),
        ("a:b@1.0.0", "a:b@2.0.0", true),
        ("a:b@1.0.0", "a:b@1.1.0", false),
        ("a:b@0.1.0", "a:b@0.2.0", true),
        ("a:b@0.1.0", "a:b/c", false),
    ] {
        assert_eq!(name(one).is_disjoint(&name(two)), disjoint, "{one} {two}");
    }
}

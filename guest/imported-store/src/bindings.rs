//! Generated bindings of the WIT contract: the import.

wit_bindgen::generate!({
    path: "../../wit",
    inline: "
        package session3:guests;

        world imported-store {
            import session3:sessions/session-store@0.2.0;
        }
    ",
    world: "session3:guests/imported-store",
    generate_all,
});

//! Generated bindings of the WIT contract: the exports, and `session-events`.

wit_bindgen::generate!({
    path: "../../wit",
    inline: "
        package session3:guests;

        world exports {
            import session3:sessions/session-events@0.2.0;
            export session3:sessions/session-store@0.2.0;
            export session3:sessions/session-manager@0.2.0;
        }
    ",
    world: "session3:guests/exports",
    generate_all,
    pub_export_macro: true,
});

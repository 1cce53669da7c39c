//! The built-in templates: files under `/templates/notifications`, compiled into the program.

/// The named templates of a folder.
macro_rules! built_in {
    ($folder:literal, [$($name:literal),* $(,)?]) => {
        &[$((
            $name,
            include_str!(concat!("../../templates/notifications/", $folder, "/", $name, ".hbs")),
        ),)*]
    };
}

/// The templates of a chat channel: the given parts, and one for each kind of event. `include_str!` needs literals,
/// so the kinds repeat `KINDS`; a test compares both lists.
macro_rules! built_in_chat {
    ($folder:literal, [$($part:literal),* $(,)?]) => {
        $crate::channels::templates::built_in::built_in!($folder, [
            $($part,)*
            "request.created",
            "request.revised",
            "request.voted",
            "request.approved",
            "request.rejected",
            "request.expired",
            "request.cancelled",
            "request.superseded",
            "request.reminded",
            "request.escalated",
            "request.undecidable",
            "request.self_approved",
            "request.glass_broken",
            "request.review_due",
            "request.commented",
            "execution.claimed",
            "execution.finished",
            "grant.started",
            "grant.ended",
            "grant.revoked",
            "endpoint.failing",
            "endpoint.disabled",
            "endpoint.recovered",
            "ping",
        ])
    };
}

pub(in crate::channels) use {built_in, built_in_chat};

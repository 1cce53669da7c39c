//! The built-in templates, which lie under `/templates/notifications` and are part of the program.

/// Built-in templates of a folder.
macro_rules! built_in {
    ($folder:literal, [$($name:literal),* $(,)?]) => {
        &[$((
            $name,
            include_str!(concat!("../../templates/notifications/", $folder, "/", $name, ".hbs")),
        ),)*]
    };
}

/// Built-in templates of a chat channel: the given parts, and one for each kind of event.
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

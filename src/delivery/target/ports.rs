//! Ports that no web server is at.

/// Ports where another protocol is spoken, to which an HTTP request may say something: the "bad ports" of the WHATWG's Fetch
/// standard, and those of databases and the like that browsers leave open.
pub(super) fn is_refused(port: u16) -> bool {
    is_bad_port(port)
        || matches!(
            port,
            // Docker, SQL Server, Oracle, ZooKeeper, etcd, MySQL, PostgreSQL, CouchDB, Redis, Elasticsearch, Memcached, MongoDB.
            2375..=2376 | 1433 | 1521 | 2181 | 2379..=2380 | 3306 | 5432 | 5984 | 6379 | 9200 | 9300 | 11211 | 27017..=27019
            // Remote desktops, Windows' remote management, the kubelet.
            | 3389 | 5900 | 5985..=5986 | 10250
        )
}

/// Fetch standard, § "Port blocking".
const fn is_bad_port(port: u16) -> bool {
    matches!(
        port,
        0 | 1 | 7 | 9 | 11 | 13 | 15 | 17 | 19..=23 | 25 | 37 | 42 | 43 | 53 | 69 | 77 | 79 | 87 | 95 | 101..=104 | 109..=111
            | 113 | 115 | 117 | 119 | 123 | 135 | 137 | 139 | 143 | 161 | 179 | 389 | 427 | 465 | 512..=515 | 526 | 530..=532
            | 540 | 548 | 554 | 556 | 563 | 587 | 601 | 636 | 989 | 990 | 993 | 995 | 1719 | 1720 | 1723 | 2049 | 3659 | 4045
            | 4190 | 5060 | 5061 | 6000 | 6566 | 6665..=6669 | 6679 | 6697 | 10080
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_web_is_open_and_the_rest_is_not() {
        assert!([80, 443, 3000, 5000, 8000, 8080, 8443, 9000, 65_535].into_iter().all(|port| !is_refused(port)));
        assert!([0, 22, 25, 465, 587, 6379, 11_211, 5_432].into_iter().all(is_refused));
    }
}

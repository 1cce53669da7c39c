//! Ports of other services than web servers.

/// Whether a port belongs to another protocol, whose server might interpret an HTTP request: the "bad ports" of the
/// WHATWG Fetch standard, and ports of databases and similar services, which browsers do not block.
pub(super) fn is_refused(port: u16) -> bool {
    is_bad_port(port)
        || matches!(
            port,
            // Docker, SQL Server, Oracle, ZooKeeper, etcd, MySQL, PostgreSQL, CouchDB, Redis, Elasticsearch, Memcached,
            // MongoDB.
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
    fn web_ports_are_allowed_and_others_are_refused() {
        assert!([80, 443, 3000, 5000, 8000, 8080, 8443, 9000, 65_535].into_iter().all(|port| !is_refused(port)));
        assert!([0, 22, 25, 465, 587, 6379, 11_211, 5_432].into_iter().all(is_refused));
    }
}

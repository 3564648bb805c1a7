"""Who may do what: decided purely, and enforced in front of every service alike, in process and over sockets."""

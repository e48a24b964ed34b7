"""What a browser writes when it offers a call."""

PAIRS = ":".join(["BE", "47"] * 16)
CHROMIUM_OFFER = f"""\
v=0
o=- 1303225638067818093 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS beda51b6
m=audio 34149 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 192.0.2.2
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1916068140 1 udp 2122194687 192.0.2.2 34149 typ host generation 0 network-id 1
a=candidate:217777076 1 tcp 1518214911 8ab5.local 9 typ host tcptype active generation 0
a=ice-ufrag:c3gT
a=ice-pwd:xWwY6So5mjU8aPktiFR68523
a=ice-options:trickle
a=fingerprint:sha-256 {PAIRS}
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendrecv
a=msid:beda51b6 5392f005
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:3867315409 cname:bYVKPh30ffnD2I6J
"""
"""Of Chromium 150, hardly shortened."""

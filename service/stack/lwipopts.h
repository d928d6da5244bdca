/* lwIP's configuration: raw API, one thread, IPv4 and IPv6, memory from malloc, large scaled TCP
 * windows. The values and their measurements: docs/performance.md. Read by lwIP's C files as well.
 */
#ifndef ZTSHIM_STACK_LWIPOPTS_H
#define ZTSHIM_STACK_LWIPOPTS_H

/* One owner thread calls the raw API; nothing inside lwIP locks or waits. */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_TIMERS 1
#define LWIP_HOOK_FILENAME "service/stack/lwip_hooks.h"
/* lwIP's own headers ask whether this one exists, before any file of hooks is read. */
#define LWIP_HOOK_IP4_ROUTE_SRC(source, destination) ztshim_lwip_route4(source, destination)

/* Memory: malloc, so that no table has a fixed size; sockets/ bounds the number of pcbs. */
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT 8
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define LWIP_NETIF_TX_SINGLE_PBUF 1

/* What we speak. UDP is our own (udp.cc): lwIP hands over what comes, and its file is not built. */
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_TCP 1
#define LWIP_UDP 1
#define LWIP_RAW 1
#define LWIP_DNS 0
#define LWIP_DHCP 0
#define LWIP_AUTOIP 0
#define LWIP_ACD 0
#define LWIP_IGMP 0
#define LWIP_ICMP 1
#define LWIP_ICMP6 1

/* Interfaces: one or more lwIP netifs per virtual network (netif.h). */
#define LWIP_SINGLE_NETIF 0
#define LWIP_HAVE_LOOPIF 0
#define LWIP_NETIF_LOOPBACK 1 /* packets to our own addresses; run_timers() delivers them */
#define LWIP_LOOPBACK_MAX_PBUFS 0
#define LWIP_NETIF_HWADDRHINT 1
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1 /* none on the virtual loopback */

/* IPv4. */
#define LWIP_ARP 1
#define ARP_TABLE_SIZE \
  1024 /* neighbours of all networks together; searched linearly but for the hint */
#define ETHARP_TABLE_MATCH_NETIF 1
#define ARP_QUEUEING 1
#define ARP_QUEUE_LEN 16
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#define IP_FORWARD 0
#define IP_OPTIONS_ALLOWED 1
#define IP_FRAG 1
#define IP_REASSEMBLY 1
#define IP_REASS_MAX_PBUFS 512 /* what strangers' incomplete datagrams may hold */
#define MEMP_NUM_REASSDATA 64
#define IP_DEFAULT_TTL 64
#define LWIP_MULTICAST_PING 1 /* IPv6 only: Interface lets no IPv4 ones through */
#define LWIP_BROADCAST_PING 0

/* IPv6. Addresses and routes come from the controller, never from router advertisements. */
#define LWIP_IPV6_NUM_ADDRESSES 17 /* kMaxAddresses and the link-local one */
#define LWIP_IPV6_MLD 0
#define LWIP_IPV6_AUTOCONFIG 0
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 0
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0
#define LWIP_IPV6_DHCP6 0
#define LWIP_IPV6_FORWARD 0
#define LWIP_IPV6_FRAG 1
#define LWIP_IPV6_REASS 1
#define IPV6_FRAG_COPYHEADER 1 /* 64-bit pointers do not fit in the header otherwise */
#define LWIP_ND6_NUM_NEIGHBORS 127
#define LWIP_ND6_NUM_DESTINATIONS 127 /* nd6_tmr() walks them with a signed byte */
#define LWIP_ND6_QUEUEING 1
#define MEMP_NUM_ND6_QUEUE 64
#define LWIP_ND6_ALLOW_RA_UPDATES 0
#define LWIP_ND6_TCP_REACHABILITY_HINTS 1

/* TCP. */
#define TCP_MSS 2760 /* an MTU of 2800; smaller ones lower it by themselves */
#define TCP_CALCULATE_EFF_SEND_MSS 1
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 7
#define TCP_WND (4 * 1024 * 1024) /* the most; receive_window.h starts lower and grows */
#define TCP_SND_BUF (4 * 1024 * 1024)
#define TCP_SND_QUEUELEN 65000
#define TCP_SNDLOWAT 32768
#define TCP_SNDQUEUELOWAT 32000
#define TCP_OVERSIZE TCP_MSS
#define TCP_QUEUE_OOSEQ 1
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_MAX_SACK_NUM 4
#define LWIP_TCP_TIMESTAMPS 0
#define TCP_LISTEN_BACKLOG 1 /* lwIP's own limits half-open connections; ours is tcp_listener's */
#define TCP_DEFAULT_LISTEN_BACKLOG 255
#define SO_REUSE 1
#define LWIP_TCP_KEEPALIVE 1
#define TCP_KEEPIDLE_DEFAULT 7200000UL
#define TCP_KEEPINTVL_DEFAULT 75000UL
#define TCP_KEEPCNT_DEFAULT 9U
#define LWIP_TCP_PCB_NUM_EXT_ARGS 1 /* when the SYN of an accepted connection came */
/* Retransmission after 300 ms at the least; slow ticks of 100 ms. */
#define TCP_TMR_INTERVAL 50
#define LWIP_TCP_RTO_TIME 1000 /* RFC 6298: one second before the first measurement */
#define TCP_MAXRTX 12          /* lwIP's most: four minutes on a short path, more on a long one */
#define TCP_SYNMAXRTX 12       /* tcp_socket gives up by time, earlier */
#define TCP_MSL 30000UL        /* TIME_WAIT of 60 s, as Linux */
#define TCP_FIN_WAIT_TIMEOUT 60000
#define TCP_SYN_RCVD_TIMEOUT 60000
/* Linux' ephemeral range, which firewalls and rules are written for. */
#define TCP_LOCAL_PORT_RANGE_START 32768
#define TCP_LOCAL_PORT_RANGE_END 60999
#define TCP_ENSURE_LOCAL_PORT_RANGE(port) \
  ((u16_t)(TCP_LOCAL_PORT_RANGE_START +   \
           ((u16_t)(port) % (TCP_LOCAL_PORT_RANGE_END - TCP_LOCAL_PORT_RANGE_START))))

/* Checksums are made and checked: a kernel peer verifies ours, a bridged sender may have broken
 * his. */
#define LWIP_CHKSUM ztshim_lwip_checksum

#define LWIP_STATS 0
#define LWIP_DEBUG 0

#endif

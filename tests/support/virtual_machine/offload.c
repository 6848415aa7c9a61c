/* Switches transmit checksum offload of eth0: `offload 1`, `offload 0`. */
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int main(int count, char **words) {
    struct ethtool_value value = {ETHTOOL_STXCSUM, count > 1 && words[1][0] == '1'};
    struct ifreq request = {.ifr_name = "eth0", .ifr_data = (void *)&value};
    if (ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCETHTOOL, &request)) {
        perror("offload");
        return 1;
    }
    return 0;
}

/* Work of the kinds that embedded benchmarks mix: a linked list, small matrices, a state machine, a checksum. */
#include <stdint.h>

#define NODES 256
#define SIDE 12

struct node {
    struct node *next;
    int16_t key, value;
};

static struct node nodes[NODES];
static int16_t left[SIDE][SIDE], right[SIDE][SIDE];
static const char text[] = "12,-7,0x1f,3.14,abc,99999,+5,1e9,,42,-0,7f,0b1,  8,";

static uint16_t crc16(uint16_t crc, uint32_t value)
{
    for (int bit = 0; bit < 16; bit++, value >>= 1)
        crc = (uint16_t)((crc ^ value) & 1 ? crc >> 1 ^ 0xa001 : crc >> 1);
    return crc;
}

static struct node *reverse(struct node *list)
{
    struct node *done = 0;
    while (list) {
        struct node *next = list->next;
        list->next = done;
        done = list;
        list = next;
    }
    return done;
}

static uint16_t walk_list(struct node *list, int16_t wanted)
{
    uint16_t found = 0;
    for (; list; list = list->next)
        found += list->key == wanted ? (uint16_t)list->value : 1;
    return found;
}

static uint32_t multiply(int16_t scale)
{
    uint32_t sum = 0;
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            int32_t cell = 0;
            for (int k = 0; k < SIDE; k++)
                cell += left[i][k] * right[k][j];
            sum += (uint32_t)(cell * scale);
        }
    return sum;
}

static uint32_t parse(const char *p)
{
    enum { START, SIGN, NUMBER, WRONG } state = START;
    uint32_t counts[4] = {0};
    for (; *p; p++) {
        if (*p == ',')
            counts[state]++, state = START;
        else if (*p >= '0' && *p <= '9')
            state = state == WRONG ? WRONG : NUMBER;
        else if (*p == '-' || *p == '+')
            state = state == START ? SIGN : WRONG;
        else
            state = WRONG;
    }
    return counts[START] | counts[SIGN] << 8 | counts[NUMBER] << 16 | counts[WRONG] << 24;
}

int main(void)
{
    struct node *list = 0;
    uint16_t crc = 0;
    for (int i = 0; i < NODES; i++) {
        nodes[i] = (struct node){list, (int16_t)(i * 7 % 64), (int16_t)i};
        list = &nodes[i];
    }
    for (int i = 0; i < SIDE * SIDE; i++)
        left[i / SIDE][i % SIDE] = (int16_t)i, right[i / SIDE][i % SIDE] = (int16_t)(i ^ 21);
    for (int round = 0; round < 4000; round++) {
        list = reverse(list);
        crc = crc16(crc, walk_list(list, (int16_t)(round % 64)));
        crc = crc16(crc, multiply((int16_t)round));
        crc = crc16(crc, parse(text));
    }
    return crc == 0;
}

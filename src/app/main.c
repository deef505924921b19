#include <stdio.h>

int main(void)
{
    puts("omma " OM_VERSION);
    return 0;
}

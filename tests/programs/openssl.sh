# needs: openssl
head -c 100000 /dev/zero > z
openssl dgst -sha256 z; openssl enc -aes-256-cbc -K 00 -iv 00 -in z 2>/dev/null | openssl dgst -md5
openssl rand 32 | wc -c
openssl speed -seconds 1 sha256 > /dev/null 2>&1; echo $?
openssl genrsa -out key 1024 2>/dev/null && openssl rsa -in key -check -noout 2>&1

# needs: java
# timeout: 120
java -version 2>&1 | head -1

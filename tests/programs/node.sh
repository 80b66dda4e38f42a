# needs: /usr/bin/node
# timeout: 120
/usr/bin/node -e 'const fs=require("fs");console.log([1,2,3].map(x=>x*x),fs.readdirSync("/usr").length>3,process.platform,Buffer.from("abc").toString("hex"));setTimeout(()=>console.log("later"),20);Promise.resolve(5).then(console.log)'

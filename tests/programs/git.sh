# needs: git
# timeout: 120
export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_DATE='2001-01-01T00:00:00Z' GIT_COMMITTER_DATE='2001-01-01T00:00:00Z'
git init -q -b main repo && cd repo && git config user.email a@b && git config user.name n && git config gc.auto 0
cp -rL /usr/include linux && git add -A && git commit -qm headers && git rev-parse HEAD
for i in $(seq 1 30); do echo $i >> counter; git add counter; git commit -qm "count $i"; done
git log --oneline | wc -l; git status --short | wc -l; git rev-parse HEAD
git gc -q && git fsck 2>&1 | grep -v -i dangling; git count-objects | cut -d, -f1
git clone -q . ../copy && git -C ../copy log -1 --format=%H && diff -r linux ../copy/linux && echo same
git checkout -q -b other HEAD~5 && echo x > y && git add y && git commit -qm y && git merge -q -m merge main && git log --oneline | wc -l

// DuckDB as a peer: loads index files, writes Parquet and its native file, and answers the questions of the benchmark.
//
//   node duckdb.mjs load DATABASE FOLDER                      every .csv below FOLDER goes into a sorted table, `rows`
//   node duckdb.mjs parquet DATABASE LEVEL GROUP FILE [LIST]  it becomes one Parquet file (v2, zstd) with row groups of
//                                                             GROUP rows; LIST: only these datasets, a comma between
//   node duckdb.mjs ask SOURCE QUESTIONS                      of a database or of a .parquet file
//   node duckdb.mjs codec DATABASE FILE ROUNDS [LIST]         rows a second on one thread: written as such a Parquet
//                                                             file at the default level, its columns read back
//
// QUESTIONS is JSON: {"rounds": n, "day": [[dataset, from, to], ...], "month": [[from, to], ...], "sum": true}, times
// in microseconds since 1970. Each command prints a line of JSON. Answers are fetched as DuckDB's own column vectors and
// not turned into objects of JavaScript, as that would be the binding's time and not DuckDB's.
//
// Needs the package @duckdb/node-api in a node_modules folder of the working directory.
import { createRequire } from 'node:module';
import { statSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';

const require = createRequire(process.cwd() + '/');
const { DuckDBInstance, DuckDBTimestampValue } = await import(pathToFileURL(require.resolve('@duckdb/node-api')));

const COLUMNS = ['start', 'stop', 'key', 'size', 'checksum', 'checksum_algorithm', 'records'];
// The casts of DuckDB take all forms of times that index files have, but for minutes without seconds.
const instant = (name) => `coalesce(try_cast(${name} as timestamp), strptime(${name}, '%Y-%m-%dT%H:%MZ')) as ${name}`;
const quote = (text) => `'${text.replaceAll("'", "''")}'`;
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

async function connect(path, options = {}) {
  return (await DuckDBInstance.create(path, options)).connect();
}

async function values(connection, sql) {
  return (await connection.runAndReadAll(sql)).getRows()[0].map(Number);
}

// Rows, sum of sizes and bytes of keys: what the benchmark compares with the other peers before it times anything.
const facts = (connection, table) =>
  values(connection, `select count(*), sum(size)::double, sum(strlen(key))::double from ${table}`);

// Columns are read as text and cast, so that the header lines of some files are no rows and need no detection. Extra
// columns that no file has are left out.
async function load(database, folder) {
  const begun = performance.now();
  const connection = await connect(database);
  const types = COLUMNS.map((name) => `${name}: 'VARCHAR'`).join(', ');
  await connection.run('set preserve_insertion_order = true');
  await connection.run(`create temp table raw as
    select regexp_extract(filename, '([^/]+)_[0-9]{4}[.]csv$', 1) as dataset, * exclude filename
    from read_csv(${quote(folder + '/**/*.csv')}, header = false, auto_detect = false, delim = ',', quote = '"',
                  columns = {${types}}, null_padding = true, filename = true)
    where start not like '#%' and start not like 'start%'`);
  const counts = await values(connection, `select ${COLUMNS.map((c) => `count(${c})`).join(', ')} from raw`);
  const extras = COLUMNS.slice(4).filter((_, i) => counts[4 + i] > 0);
  await connection.run(`create table rows as
    select dataset, ${instant('start')}, ${instant('stop')}, key, size::bigint as size
           ${extras.map((name) => ', ' + (name === 'records' ? 'records::bigint as records' : name)).join('')}
    from raw order by dataset, start, stop, key`);
  await connection.run('drop table raw');
  await connection.run('checkpoint');
  const [rows, sizes, keys] = await facts(connection, 'rows');
  return { rows, size_sum: sizes, key_bytes: keys, seconds: (performance.now() - begun) / 1000 };
}

const among = (list) => (list ? `where dataset in (${list.split(',').map(quote).join(', ')})` : '');
const writeParquet = (connection, from, file, level, group) =>
  connection.run(`copy (${from}) to ${quote(file)} (format parquet, parquet_version v2, compression zstd,
                  compression_level ${Number(level)}, row_group_size ${Number(group)})`);

async function parquet(database, level, group, file, list) {
  const connection = await connect(database, { access_mode: 'READ_ONLY' });
  const begun = performance.now();
  await writeParquet(connection, `select * from rows ${among(list)}`, file, level, group);
  const seconds = (performance.now() - begun) / 1000;
  const [rows, sizes, keys] = await facts(connection, `read_parquet(${quote(file)})`);
  return { rows, size_sum: sizes, key_bytes: keys, bytes: statSync(file).size, seconds };
}

async function codec(database, file, rounds, list) {
  const connection = await connect(database, { access_mode: 'READ_ONLY', threads: '1' });
  await connection.run(`create temp table subset as select * from rows ${among(list)}`);
  const [rows] = await facts(connection, 'subset');
  // Nothing that statistics of row groups could answer without the values.
  const columns = ['bit_xor(epoch_us(start)), bit_xor(epoch_us(stop))', 'bit_xor(size)', 'bit_xor(strlen(key))'];
  const took = { encode: [], times: [], sizes: [], keys: [] };
  const measure = async (name, run) => {
    const begun = performance.now();
    await run();
    took[name].push(performance.now() - begun);
  };
  for (let round = 0; round < Number(rounds); round++) {
    await measure('encode', () => writeParquet(connection, 'select * from subset', file, 3, 122880));
    for (const [i, name] of ['times', 'sizes', 'keys'].entries())
      await measure(name, () => connection.run(`select ${columns.slice(0, i + 1).join(', ')} from ${quote(file)}`));
  }
  const rates = Object.entries(took).map(([name, times]) => [name, (rows / median(times)) * 1000]);
  return { rows, ...Object.fromEntries(rates) };
}

// Runs a prepared statement over all its parameters in turn; microseconds of the median, and the rows of one turn.
async function time(connection, sql, parameters, rounds) {
  const statement = await connection.prepare(sql);
  const took = [];
  let rows = 0;
  for (let round = 0; round <= rounds; round++)
    for (const list of parameters) {
      const begun = performance.now();
      list.forEach((value, i) =>
        typeof value === 'string'
          ? statement.bindVarchar(i + 1, value)
          : statement.bindTimestamp(i + 1, new DuckDBTimestampValue(BigInt(value))));
      const result = await statement.run();
      let count = 0;
      for (const chunk of await result.fetchAllChunks())
        count += chunk.rowCount;
      if (round > 0)
        took.push((performance.now() - begun) * 1000); // the first round warms up
      else
        rows += count;
    }
  return { us: median(took), rows };
}

async function ask(source, text) {
  const questions = JSON.parse(text);
  const isParquet = source.endsWith('.parquet');
  const connection = await connect(isParquet ? ':memory:' : source, isParquet ? {} : { access_mode: 'READ_ONLY' });
  const rows = isParquet ? `read_parquet(${quote(source)})` : 'rows';
  if (isParquet)
    await connection.run('set parquet_metadata_cache = true');
  const answer = { facts: await facts(connection, rows) };
  // Without "order by": rows are stored in that order and DuckDB keeps it, so a sort would only make it slower.
  const columns = `select dataset, start, stop, key, size from ${rows}`;
  if (questions.day)
    answer.day = await time(connection, `${columns} where dataset = $1 and start >= $2 and start < $3`,
      questions.day, questions.rounds);
  if (questions.month)
    answer.month = await time(connection, `${columns} where start >= $1 and start < $2`, questions.month,
      questions.rounds);
  if (questions.sum)
    answer.sum = await time(connection, `select count(*), sum(size) from ${rows}`, [[]], questions.rounds);
  return answer;
}

const commands = { load, parquet, codec, ask };
const [name, ...parameters] = process.argv.slice(2);
if (!commands[name])
  throw new Error(`unknown command: ${name}`);
console.log(JSON.stringify(await commands[name](...parameters)));
process.exit(0); // the binding's threads need not wind down

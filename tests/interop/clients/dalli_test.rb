# Dalli, as Rails and Rack::Cache use it: GETKQ… + NOOP, quiet stores in multi blocks, STAT "" and "reset".

require 'dalli'

Dalli.logger.level = Logger::FATAL

SERVERS = ENV.fetch('MEMCACHE_SERVERS')
USER = ENV.fetch('MEMCACHE_USERNAME')
PASSWORD = ENV.fetch('MEMCACHE_PASSWORD')
OTHER_USER = ENV.fetch('MEMCACHE_OTHER_USERNAME')
OTHER_PASSWORD = ENV.fetch('MEMCACHE_OTHER_PASSWORD')
STOCK = ENV['INTEROP_SERVER'] == 'stock'
LIMIT = ENV.fetch('INTEROP_ITEM_LIMIT').to_i
TOO_BIG = ENV.fetch('INTEROP_TOO_BIG').to_i
RAW = { raw: true }.freeze

def check(name)
  yield
  puts "ok #{name}"
rescue StandardError, NotImplementedError => e
  place = (e.backtrace || []).grep(/dalli_test/).first.to_s[/:(\d+):/, 1]
  puts "not ok #{name}: line #{place}: #{e.class}: #{e.message[0, 400].tr("\n", ' ')}"
ensure
  $stdout.flush
end

def same(got, expected)
  return if got == expected

  raise "got #{got.inspect[0, 120]}, expected #{expected.inspect[0, 120]}"
end

def raises(kind)
  result = yield
rescue kind => e
  e
else
  raise "no refusal: #{result.inspect[0, 120]}"
end

def eventually(what)
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 5
  until yield
    raise "not within 5 s: #{what}" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline

    sleep 0.05
  end
end

def client(user = USER, password = PASSWORD, **options)
  Dalli::Client.new(SERVERS, { username: user, password: password, socket_timeout: 5, value_max_bytes: 4 * 1024 * 1024,
                               compress: false }.merge(options))
end

def filler(size)
  head = "#{size}:".b
  (head + ((0..255).to_a.pack('C*') * (size / 256 + 1)))[0, size]
end

def hostile_keys
  File.readlines(ENV.fetch('INTEROP_HOSTILE_KEYS'), chomp: true).map { |line| [line].pack('H*') }
end

def basic
  dc = client

  check('wrong_password') do
    e = raises(Dalli::DalliError) { client(USER, "#{PASSWORD}x").get('k') }
    raise e.message unless e.message.include?('0x20')

    raises(Dalli::DalliError) { client(USER, OTHER_PASSWORD).set('k', 1) }
  end
  check('unknown_user') do
    e = raises(Dalli::DalliError) { client("nobody-#{USER}").get('k') }
    raise e.message unless e.message.include?('0x20')
  end
  unless STOCK
    check('a_credential_that_may_only_read') do
      dc.set('read only', 'x')
      reader = client("#{USER}-reader")
      same reader.get('read only'), 'x'
      %i[set add replace append prepend].each { |store| same reader.public_send(store, 'read only', 'y'), false }
      same reader.delete('read only'), nil
      same reader.touch('read only', 1), nil
      same reader.gat('read only', 1), nil
      same reader.incr('counted', 1, nil, 5), nil
      same reader.decr('counted'), nil
      same reader.cas('read only') { 'y' }, false
      same reader.fetch('absent', 60) { 'made' }, 'made'
      e = raises(Dalli::DalliError) { reader.flush }
      raise e.message unless e.message.include?('32')

      same reader.get('read only'), 'x'
    end
  end
  check('set_and_get') do
    ['value', 17, { 'a' => [1, nil] }, "snow \u2603", '', 'z' * 100_000, nil].each do |value|
      raise 'not stored' unless dc.set('k', value)

      same dc.get('k'), value
    end
    dc.set('raw', "raw\0\r\n", 0, RAW)
    same dc.get('raw'), "raw\0\r\n"
    packed = client(USER, PASSWORD, compress: true)
    packed.set('packed', 'z' * 100_000)
    same packed.get('packed'), 'z' * 100_000
  end
  check('miss') do
    same dc.get('absent'), nil
    same dc.get_multi('absent', 'absent2'), {}
    same dc.fetch('fetched', 60) { 'made' }, 'made'
    same dc.get('fetched'), 'made'
  end
  check('multi_get') do
    values = (0...100).to_h { |i| ["multi:#{i}", "value #{i}" * (i + 1)] }
    values.each { |key, value| dc.set(key, value) }
    same dc.get_multi(values.keys + ['absent']), values
    same dc.get_multi_cas(values.keys).transform_values(&:first), values
  end
  check('flush') do
    dc.set('flushed', 1)
    same dc.flush, [true]
    same dc.get('flushed'), nil
    dc.set('flushed', 2)
    same dc.get('flushed'), 2
    dc.flush(0)
    same dc.get('flushed'), nil
  end

  dc.set('expires', 'soon', 2)
  dc.set('touched', 'soon', 3600)
  dc.set('got', 'soon', 3600)
  dc.set('stays', 'long', 3600)
  dc.incr('counts', 1, 2, 5)

  check('touch') do
    same dc.touch('touched', 2), true
    same dc.touch('absent', 2), nil
    same dc.get('touched'), 'soon'
  end
  check('get_and_touch') do
    same dc.gat('got', 2), 'soon'
    same dc.gat('absent', 2), nil
  end
  check('add') do
    raise 'not added' unless dc.add('added', 1)

    same dc.add('added', 2), false
    same dc.get('added'), 1
  end
  check('replace') do
    dc.replace('absent', 1) # this library returns the reply's CAS here, whatever the status
    same dc.get('absent'), nil
    dc.set('replaced', 1)
    raise 'not replaced' unless dc.replace('replaced', 2)

    same dc.get('replaced'), 2
  end
  check('cas') do
    dc.set('cas', 1)
    raise 'not swapped' unless dc.cas('cas') { |value| value + 1 }

    same dc.get('cas'), 2
    same(dc.cas('cas') { |_| dc.set('cas', 10) && 3 }, false)
    same dc.get('cas'), 10
    same(dc.cas('absent') { |_| 1 }, nil)
    value, token = dc.get_cas('cas')
    same value, 10
    raise 'no new CAS' unless (newer = dc.set_cas('cas', 11, token))

    same dc.set_cas('cas', 12, token), false
    same dc.replace_cas('cas', 12, token), false
    raise 'not replaced' unless dc.replace_cas('cas', 13, newer)

    same dc.delete_cas('cas', token), false
    same dc.delete_cas('cas', dc.get_cas('cas').last), true
  end
  check('append_and_prepend') do
    dc.set('grows', 'b', 0, RAW)
    same dc.append('grows', 'c'), true
    same dc.prepend('grows', 'a'), true
    same dc.get('grows'), 'abc'
    same dc.append('absent', 'x'), false
    same dc.prepend('absent', 'x'), false
  end
  check('incr_and_decr') do
    same dc.incr('n', 1, 0, 40), 40
    same dc.incr('n', 2), 42
    same dc.decr('n', 40), 2
    same dc.decr('n', 5), 0
    same dc.incr('absent', 1), nil
    same dc.decr('absent', 1), nil
    same dc.decr('down', 1, 0, 7), 7
    dc.set('text', 'abc', 0, RAW)
    raises(Dalli::DalliError) { dc.incr('text', 1) }
  end
  check('delete') do
    dc.set('deleted', 1)
    same dc.delete('deleted'), true
    raise 'deleted twice' if dc.delete('deleted')

    same dc.get('deleted'), nil
  end
  check('quiet_multi') do
    dc.multi do
      50.times { |i| dc.set("quiet:#{i}", i) }
      dc.add('quiet:0', 'there already')
      dc.replace('quiet:absent', 'nothing there')
      dc.replace('quiet:1', 'replaced')
      dc.delete('quiet:2')
      dc.delete('quiet:absent')
    end
    same dc.get('quiet:49'), 49
    same dc.get_multi('quiet:0', 'quiet:1', 'quiet:2'), { 'quiet:0' => 0, 'quiet:1' => 'replaced' }
  end
  check('stats') do
    figures = dc.stats.values.first
    %w[cmd_get cmd_set get_hits get_misses curr_connections version].each do |name|
      raise "no #{name} in #{figures.keys}" unless figures.key?(name)
    end
    dc.reset_stats
    same dc.get('k').nil?, true
  end
  check('version') { raise 'no version' unless dc.version.values.first =~ /\A\d+\.\d+/ }
  check('alive') { dc.alive! }
  check('namespace') do
    spaced = client(USER, PASSWORD, namespace: 'app')
    spaced.set('k', 'spaced')
    same dc.get('app:k'), 'spaced'
    same spaced.get_multi('k'), { 'k' => 'spaced' }
  end
  check('unicode_keys') do
    ["schl\u00fcssel", "\u9375", 'with space'].each do |key|
      dc.set(key, key)
      same dc.get(key), key
    end
    same dc.get_multi('with space'), { 'with space' => 'with space' }
  end
  check('binary_keys') do
    [(0..249).to_a.pack('C*'), (6..255).to_a.pack('C*'), "\0", "\n"].each do |key|
      dc.set(key.b, 'binary')
      same dc.get(key.b), 'binary'
    end
  end
  check('keys_of_250_bytes') do
    dc.set('k' * 250, 'long')
    dc.set('k' * 249, 'shorter')
    dc.set('k' * 251, 'hashed by the library')
    same [dc.get('k' * 250), dc.get('k' * 249), dc.get('k' * 251)], ['long', 'shorter', 'hashed by the library']
  end
  if STOCK
    puts 'skip long_keys: a stock memcached takes no key over 250 bytes'
  else
    check('long_keys') do
      key = "\u9375" * 200 # 200 characters, as this library counts, but 600 bytes
      dc.set(key, 'long')
      same dc.get(key), 'long'
    end
  end
  check('biggest_value') do
    value = filler(LIMIT - 3)
    dc.set('big', value, 0, RAW)
    raise 'the value read back differs' unless dc.get('big').b == value
  end
  check('too_big') do
    dc.set('big', 'old', 0, RAW)
    e = raises(Dalli::DalliError) { dc.set('big', filler(TOO_BIG - 3), 0, RAW) }
    raise e.message unless e.message.include?('Value too large')

    same dc.get('big'), nil
  end
  check('append_too_big') do
    %i[append prepend].each do |grow|
      dc.set('grown', 'old', 0, RAW)
      begin
        same dc.public_send(grow, 'grown', filler(TOO_BIG - 8)), false
      rescue Dalli::DalliError => e
        raise unless e.message.include?('Value too large')
      end
      same dc.get('grown'), 'old'
    end
  end
  check('close_and_again') do
    dc.close
    dc.set('again', 1)
    same dc.get('again'), 1
  end
  check('expiry') do
    %w[expires touched got counts].each { |key| eventually("#{key} expires") { dc.get(key).nil? } }
    same dc.get('stays'), 'long'
  end
  dc.close
end

def isolation
  mine = client
  theirs = client(OTHER_USER, OTHER_PASSWORD)

  check('equal_keys') do
    keys = (0...100).map { |i| "same:#{i}" }
    keys.each { |key| mine.set(key, "mine #{key}") && theirs.set(key, "theirs #{key}") }
    same mine.get_multi(keys), keys.to_h { |key| [key, "mine #{key}"] }
    keys.each { |key| mine.delete(key) }
    same theirs.get_multi(keys), keys.to_h { |key| [key, "theirs #{key}"] }
  end
  check('hostile_keys') do
    hostile_keys.each do |key|
      same mine.get(key), nil
      mine.set(key, "mine #{key}", 0, RAW)
      same theirs.get(key), nil
      theirs.set(key, 'theirs')
      same mine.get(key).b, "mine #{key}".b
      mine.delete(key)
      same theirs.get(key), 'theirs'
      theirs.delete(key)
    end
    same theirs.get('secret'), 'of the other tenant'
  end
  check('flush_is_mine_alone') do
    mine.set('x', 1)
    mine.flush
    same mine.get('x'), nil
    same theirs.get('same:7'), 'theirs same:7'
    same theirs.get('secret'), 'of the other tenant'
  end
end

ARGV.first == 'isolation' ? isolation : basic

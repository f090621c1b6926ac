<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * A store that can not be written: the person's save succeeds, the error is logged and shown, and nothing is missed in the end.
 */
final class StoreTroubleTest extends EndToEndTest {

  /**
   * The store's file, which must be reachable from here.
   */
  private string $file;

  /**
   * What undoes the damage.
   *
   * @var callable[]
   */
  private array $repairs = [];

  protected function setUp(): void {
    Network::settle([self::$a, self::$b]);
    self::$a->refresh();
    self::$b->refresh();
    $this->file = self::$a->request('return \Civi\Share\StorePath::get();');
    if (!is_file($this->file)) {
      $this->skip("the store {$this->file} is not on this machine");
    }
    copy($this->file, "{$this->file}.e2e");
  }

  protected function tearDown(): void {
    foreach (array_reverse($this->repairs) as $repair) {
      $repair();
    }
    @unlink("{$this->file}.e2e");
  }

  /**
   * Saves a contact while the store is broken; repairs it; the contact arrives.
   *
   * @param string $sentence
   *   What the error says to a person.
   */
  private function saveMeanwhile(callable $repair, string $sentence): void {
    [$id, $there] = [$this->id, $this->there];
    $logs = $this->logs();

    $before = microtime(TRUE);
    self::$a->update($id, ['first_name' => 'Meanwhile']);
    $took = microtime(TRUE) - $before;

    self::assertContact(['first_name' => 'Meanwhile'], self::$a, $id, 'the save');
    self::assertLessThan(8, $took, 'nobody waits for the store');
    $new = '';
    foreach ($this->logs() as $file => $text) {
      $new .= substr($text, strlen($logs[$file] ?? ''));
    }
    self::assertMatchesRegularExpression($sentence, $new, 'the log');
    $errors = array_filter(self::$a->systemStatus(), fn($message) => in_array($message['severity'], ['error', 'critical'], TRUE));
    self::assertNotEmpty($errors, 'System Status');
    self::assertMatchesRegularExpression($sentence, implode("\n", array_column($errors, 'message')), 'System Status');
    self::assertGreaterThan(0, self::$a->journal(), 'the journal keeps it');

    $repair();
    self::$a->process();
    self::deliver(self::$a, self::$b);
    self::assertContact(['first_name' => 'Meanwhile'], self::$b, $there, 'caught up');
    self::assertSame(0, self::$a->journal());
    $errors = array_filter(self::$a->systemStatus(), fn($message) => in_array($message['severity'], ['error', 'critical'], TRUE));
    self::assertSame([], $errors, 'System Status afterwards');
  }

  private int $id;

  private int $there;

  private function person(): void {
    [$this->id, $this->there] = self::sharedPerson();
    self::$a->refresh();
  }

  /**
   * @return array<string, string>
   *   File => what is in it. The web server and the command line may have one each.
   */
  private function logs(): array {
    return self::$a->request('
      $files = glob(CRM_Core_Config::singleton()->configAndLogDir . "*.log*");
      return array_combine($files, array_map("file_get_contents", $files));');
  }

  public function test_a_full_disk(): void {
    $folder = $this->onSmallDisk();
    $this->person();
    $filler = "$folder/filler";
    $handle = fopen($filler, 'w');
    while (@fwrite($handle, str_repeat('x', 4096)) === 4096) {
    }
    @fclose($handle);

    $this->saveMeanwhile(fn() => unlink($filler), '/full|space/i');
  }

  public function test_a_read_only_store(): void {
    $this->person();
    $folder = dirname($this->file);
    if (posix_geteuid() === 0) {
      $this->mount("mount --bind $folder $folder && mount -o remount,ro,bind $folder", $folder);
      $repair = fn() => $this->unmount($folder);
    }
    else {
      $files = glob("{$this->file}*");
      $set = function (int $file, int $dir) use ($files, $folder) {
        chmod($folder, 0700);
        array_map(fn($name) => chmod($name, $file), $files);
        chmod($folder, $dir);
      };
      $set(0400, 0500);
      $repair = $this->repairs[] = fn() => $set(0600, 0700);
    }

    $this->saveMeanwhile($repair, '/read-only|may (not )?write|writable/i');
  }

  public function test_a_store_locked_by_another_process_for_10_seconds(): void {
    $this->person();
    $lock = proc_open(
      [PHP_BINARY, '-r', '$s = new SQLite3($argv[1]); $s->busyTimeout(5000); $s->exec("BEGIN IMMEDIATE"); echo "locked\n"; sleep(10);', $this->file],
      [['file', '/dev/null', 'r'], ['pipe', 'w'], ['file', '/dev/null', 'w']], $pipes
    );
    self::assertSame("locked\n", fgets($pipes[1]));

    $this->saveMeanwhile(function () use ($lock) {
      proc_close($lock);
    }, '/locked/i');
  }

  public function test_a_store_overwritten_with_rubbish(): void {
    $this->person();
    copy($this->file, "{$this->file}.e2e");
    $wal = is_file("{$this->file}-wal") ? file_get_contents("{$this->file}-wal") : NULL;
    file_put_contents($this->file, random_bytes(64 << 10));
    @unlink("{$this->file}-wal");
    @unlink("{$this->file}-shm");
    $repair = $this->repairs[] = function () use ($wal) {
      if (is_file("{$this->file}.e2e")) {
        @unlink("{$this->file}-wal");
        @unlink("{$this->file}-shm");
        rename("{$this->file}.e2e", $this->file);
        $wal === NULL || file_put_contents("{$this->file}-wal", $wal);
      }
    };

    $this->saveMeanwhile($repair, '/not a readable CiviShare store|damaged/i');
  }

  public function test_a_message_that_meets_a_broken_store_is_told_to_come_back(): void {
    $peer = new Peer('https://unlucky.e2e.example.org', self::$a);
    Network::peer(self::$a, $peer->identifier, $peer->url, $peer->secret);
    self::assertSame(202, $peer->post([$peer->newPerson(['first_name' => 'Before', 'last_name' => $last = self::name()])])->status);
    self::$a->process();
    self::$a->refresh();
    copy($this->file, "{$this->file}.e2e");
    $wal = is_file("{$this->file}-wal") ? file_get_contents("{$this->file}-wal") : NULL;
    file_put_contents($this->file, random_bytes(64 << 10));
    @unlink("{$this->file}-wal");
    @unlink("{$this->file}-shm");

    $change = $peer->newPerson(['first_name' => 'Meanwhile', 'last_name' => $last]);
    $refused = $peer->post([$change]);
    @unlink("{$this->file}-wal");
    @unlink("{$this->file}-shm");
    rename("{$this->file}.e2e", $this->file);
    $wal === NULL || file_put_contents("{$this->file}-wal", $wal);
    $taken = $peer->post([$change]);
    self::$a->process();
    Network::unpeer(self::$a, $peer->identifier);
    $peer->stop();

    self::assertSame(503, $refused->status);
    self::assertArrayHasKey('retry-after', $refused->headers);
    self::assertSame(202, $taken->status, $taken->body);
    self::assertCount(2, self::$a->get('Contact', [['last_name', '=', $last]], ['id']));
  }

  public function test_a_deleted_store_is_made_anew_and_edits_go_on(): void {
    $this->person();
    foreach (['', '-wal', '-shm'] as $suffix) {
      @unlink($this->file . $suffix);
    }

    self::$a->update($this->id, ['first_name' => 'New store']);
    Network::settle([self::$a, self::$b]);
    self::$b->update($this->there, ['nick_name' => 'And back']);
    Network::settle([self::$a, self::$b]);

    self::assertContact(['first_name' => 'New store', 'nick_name' => 'And back'], self::$b, $this->there);
    self::assertContact(['first_name' => 'New store', 'nick_name' => 'And back'], self::$a, $this->id);
  }

  /**
   * Puts the store's folder on a file system of its own of a few MiB.
   */
  private function onSmallDisk(): string {
    if (posix_geteuid() !== 0) {
      $this->skip('a small file system is mounted by root only');
    }
    $folder = dirname($this->file);
    $keep = sys_get_temp_dir() . '/civishare-keep-' . bin2hex(random_bytes(4));
    mkdir($keep);
    exec("cp -a $folder/. $keep/");
    // Room for what other tests have left in the store, and a little more.
    $size = array_sum(array_map('filesize', glob("$keep/*"))) + (4 << 20);
    $this->mount("mount -t tmpfs -o size=$size,mode=700 tmpfs $folder", $folder, function () use ($folder, $keep) {
      @unlink("$folder/filler");
      exec("rm -rf $keep && cp -a $folder $keep");
    }, function () use ($folder, $keep) {
      exec("rm -f $folder/* && cp -a $keep/. $folder/ && rm -rf $keep");
    });
    exec("cp -a $keep/. $folder/");
    return $folder;
  }

  private function mount(string $command, string $folder, ?callable $before = NULL, ?callable $after = NULL): void {
    exec("$command 2>&1", $output, $status);
    if ($status !== 0) {
      $this->skip('mount does not work here: ' . implode(' ', $output));
    }
    $this->repairs[] = function () use ($folder, $before, $after) {
      self::$a->refresh();
      $before && $before();
      $this->unmount($folder);
      $after && $after();
    };
  }

  private function unmount(string $folder): void {
    exec('umount ' . escapeshellarg($folder) . ' 2>/dev/null || umount -l ' . escapeshellarg($folder) . ' 2>/dev/null');
  }

}

<?php
declare(strict_types = 1);

namespace CiviShare\E2e;

/**
 * A person at a site's screens: logs in, opens pages, sends forms.
 */
final class Browser {

  /**
   * Where each CMS has its login form, and how it calls the two fields.
   */
  const LOGIN = [
    'WordPress' => ['/wp-login.php', 'log', 'pwd'],
    'Drupal' => ['/user/login', 'name', 'pass'],
    'Drupal8' => ['/user/login', 'name', 'pass'],
    'Backdrop' => ['/user/login', 'name', 'pass'],
    'Joomla' => ['/administrator/index.php', 'username', 'passwd'],
    'Standalone' => ['/civicrm/login', 'username', 'password'],
  ];

  private readonly string $cookies;

  private string $address = '';

  public int $status = 0;

  public string $html = '';

  public function __construct(private readonly Site $site) {
    $this->cookies = (string) tempnam(sys_get_temp_dir(), 'civishare-cookies');
  }

  public function __destruct() {
    @unlink($this->cookies);
  }

  /**
   * Logs in by the CMS's own form. Without a name, as the administrator.
   *
   * @return bool
   *   FALSE if this CMS has no form that is known here.
   */
  public function login(?string $name = NULL, ?string $password = NULL): bool {
    [$path, $nameField, $passwordField] = self::LOGIN[$this->site->ask('return CRM_Core_Config::singleton()->userFramework;')] ?? [NULL, '', ''];
    $name ??= $this->site->env('SITE_ADMIN_USER');
    if ($path === NULL || $name === NULL) {
      return FALSE;
    }
    $this->open($this->site->url . $path);
    $form = $this->form(fn($form) => $this->has($form, $passwordField));
    if ($form === NULL) {
      return FALSE;
    }
    $this->send($form, [$nameField => $name, $passwordField => $password ?? $this->site->env('SITE_ADMIN_PASSWORD')]);
    return TRUE;
  }

  /**
   * Opens a page of CiviCRM's back end.
   */
  public function page(string $path, string $query = 'reset=1'): void {
    $this->open($this->site->ask('return html_entity_decode(CRM_Utils_System::url($path, $query, TRUE, NULL, FALSE, FALSE, TRUE));', ['path' => $path, 'query' => $query]));
  }

  /**
   * Posts to a page of CiviCRM's back end without having opened its form.
   *
   * @param array<string, string> $fields
   */
  public function post(string $path, string $query, array $fields): void {
    $url = $this->site->ask('return html_entity_decode(CRM_Utils_System::url($path, $query, TRUE, NULL, FALSE, FALSE, TRUE));', ['path' => $path, 'query' => $query]);
    $this->exchange($url, [CURLOPT_POST => TRUE, CURLOPT_POSTFIELDS => http_build_query($fields)]);
  }

  public function open(string $url): void {
    $this->exchange($url, []);
  }

  /**
   * Is there a form of CiviCRM on the page that is open?
   */
  public function hasForm(): bool {
    return $this->civiForm() !== NULL;
  }

  /**
   * Fills in CiviCRM's form on the page that is open and sends it.
   *
   * @param array<string, string> $values
   *   Field => text; a select takes its value.
   * @param string $button
   *   How the button's name begins.
   */
  public function submit(array $values, string $button): void {
    $form = $this->civiForm();
    if ($form === NULL) {
      throw new \RuntimeException("no form of CiviCRM on {$this->address} ({$this->status}): " . substr(trim(preg_replace('/\s+/', ' ', strip_tags($this->html))), 0, 1000));
    }
    foreach ($this->buttons($form) as $name) {
      if (strncmp($name, $button, strlen($button)) === 0) {
        $this->send($form, $values + [$name => '1']);
        return;
      }
    }
    throw new \RuntimeException("no button $button on {$this->address}");
  }

  private function send(\DOMElement $form, array $values): void {
    $action = html_entity_decode($form->getAttribute('action')) ?: $this->address;
    if (!preg_match('#^https?://#', $action)) {
      $parts = parse_url($this->address);
      $action = "$parts[scheme]://$parts[host]" . (isset($parts['port']) ? ":$parts[port]" : '') . $action;
    }
    parse_str(http_build_query($values), $values);
    $fields = array_replace_recursive($this->fields($form), $values);
    $this->exchange($action, [CURLOPT_POST => TRUE, CURLOPT_POSTFIELDS => http_build_query($fields)]);
  }

  /**
   * What a browser would send of a form that nobody touched, without its buttons.
   */
  private function fields(\DOMElement $form): array {
    $pairs = [];
    foreach ((new \DOMXPath($form->ownerDocument))->query('.//input|.//select|.//textarea', $form) as $field) {
      $name = $field->getAttribute('name');
      $type = $field->nodeName === 'input' ? strtolower($field->getAttribute('type')) : $field->nodeName;
      if ($name === '' || $field->hasAttribute('disabled') || in_array($type, ['submit', 'button', 'image', 'file', 'reset'], TRUE)) {
        continue;
      }
      if ($type === 'select') {
        foreach ($field->getElementsByTagName('option') as $number => $option) {
          if ($option->hasAttribute('selected') || ($number === 0 && !$field->hasAttribute('multiple') && strpos($field->ownerDocument->saveHTML($field), ' selected') === FALSE)) {
            $pairs[] = urlencode($name) . '=' . urlencode($option->getAttribute('value'));
          }
        }
      }
      elseif (!in_array($type, ['checkbox', 'radio'], TRUE) || $field->hasAttribute('checked')) {
        $value = $type === 'textarea' ? $field->textContent : ($field->hasAttribute('value') ? $field->getAttribute('value') : ($type === 'checkbox' ? 'on' : ''));
        $pairs[] = urlencode($name) . '=' . urlencode($value);
      }
    }
    parse_str(implode('&', $pairs), $fields);
    return $fields;
  }

  private function civiForm(): ?\DOMElement {
    return $this->form(fn($form) => $this->has($form, 'qfKey'));
  }

  private function form(callable $wanted): ?\DOMElement {
    $document = new \DOMDocument();
    $document->loadHTML('<?xml encoding="UTF-8">' . $this->html, LIBXML_NOERROR | LIBXML_NOWARNING);
    foreach ($document->getElementsByTagName('form') as $form) {
      if ($wanted($form)) {
        return $form;
      }
    }
    return NULL;
  }

  private function has(\DOMElement $form, string $name): bool {
    return (new \DOMXPath($form->ownerDocument))->query(".//input[@name='$name']", $form)->length > 0;
  }

  /**
   * @return string[]
   */
  private function buttons(\DOMElement $form): array {
    $names = [];
    foreach ((new \DOMXPath($form->ownerDocument))->query(".//input[@type='submit']|.//button", $form) as $button) {
      $names[] = $button->getAttribute('name');
    }
    return $names;
  }

  private function exchange(string $url, array $options): void {
    $curl = curl_init($url);
    curl_setopt_array($curl, $options + [
      CURLOPT_RETURNTRANSFER => TRUE,
      CURLOPT_FOLLOWLOCATION => TRUE,
      CURLOPT_TIMEOUT => 60,
      CURLOPT_COOKIEFILE => $this->cookies,
      CURLOPT_COOKIEJAR => $this->cookies,
      CURLOPT_NOPROXY => '*',
    ]);
    $html = curl_exec($curl);
    if ($html === FALSE) {
      throw new \RuntimeException("$url: " . curl_error($curl));
    }
    $this->html = $html;
    $this->status = (int) curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
    $this->address = (string) curl_getinfo($curl, CURLINFO_EFFECTIVE_URL);
    // The jar is written when the handle goes.
    unset($curl);
  }

}

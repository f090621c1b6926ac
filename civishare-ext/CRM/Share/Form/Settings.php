<?php

use Civi\Share\Admin\OwnAddress;
use Civi\Share\Detect\Mode;
use Civi\Share\Journal\Log;
use Civi\Share\LocalNode;
use Civi\Share\Native;
use Civi\Share\StorePath;
use Civi\Share\Type\Files;
use CRM_Share_ExtensionUtil as E;

/**
 * The settings of CiviShare, drawn from settings/civishare.setting.php.
 */
class CRM_Share_Form_Settings extends CRM_Share_Form_Base {

  protected function listPath(): string {
    return 'civicrm/admin/share/settings';
  }

  public function buildQuickForm() {
    CRM_Utils_System::setTitle(E::ts('CiviShare: Settings'));
    foreach (self::settings() as $name => $setting) {
      $this->addSetting($name, $setting);
    }
    $this->assign('settings', self::settings());
    $this->assign('identifier', LocalNode::identifier());
    $this->assign('endpoint', OwnAddress::endpoint());
    $this->assign('storePath', StorePath::get());
    $this->assign('nativeVersion', Native::version());
    $this->assign('logging', Log::isOn());
    $this->addFormButtons(E::ts('Save'));
    $this->addFormRule([__CLASS__, 'rule']);
  }

  private function addSetting(string $name, array $setting): void {
    $more = $setting['html_type'] === 'text' ? ['class' => 'huge'] : $setting['options'] ?? NULL;
    $this->add($setting['html_type'], $name, $setting['title'], $more);
  }

  public function setDefaultValues() {
    $defaults = [];
    foreach (array_keys(self::settings()) as $name) {
      $defaults[$name] = Civi::settings()->get($name);
    }
    return $defaults;
  }

  /**
   * @param array $fields
   *
   * @return array|bool
   */
  public static function rule($fields) {
    if (!ctype_digit(trim((string) $fields['civishare_inbox_limit'])) || (int) $fields['civishare_inbox_limit'] < 1) {
      return ['civishare_inbox_limit' => E::ts('A number from 1 up, please.')];
    }
    if (($fields['civishare_detection'] ?? '') === Mode::LOG && !Log::isOn()) {
      return ['civishare_detection' => E::ts('Turn on logging first (Administer, System Settings, Misc).')];
    }
    $kb = trim((string) $fields['civishare_file_kb']);
    if (!ctype_digit($kb) || (int) $kb > Files::MOST_KB) {
      return ['civishare_file_kb' => E::ts('A number from 0 to %1, please.', [1 => Files::MOST_KB])];
    }
    $path = trim((string) $fields['civishare_store_path']);
    if ($path === '' || self::isUsable($path)) {
      return TRUE;
    }
    return ['civishare_store_path' => E::ts('An absolute path in a folder that exists and that the web server may write to, please.')];
  }

  private static function isUsable(string $path): bool {
    return CRM_Utils_File::isAbsolute($path) && !is_dir($path) && is_dir(dirname($path)) && is_writable(dirname($path));
  }

  protected function carryOut(): void {
    $values = $this->exportValues();
    foreach (self::settings() as $name => $setting) {
      $value = $setting['type'] === 'Boolean' ? (int) !empty($values[$name]) : trim((string) $values[$name]);
      Civi::settings()->set($name, $value);
    }
    Native::reset();
    CRM_Core_Session::setStatus(E::ts('Saved.'), '', 'success');
  }

  /**
   * @return array[]
   *   Declarations by name, in the order of the screen.
   */
  private static function settings(): array {
    return include E::path('settings/civishare.setting.php');
  }

}

<?php

/**
 * A form that asks before it does something that can not be taken back.
 */
abstract class CRM_Share_Form_Confirm extends CRM_Share_Form_Base {

  /**
   * Title, question and label of the button; %1 is already filled in.
   *
   * @return string[]
   *   Keys title, question, button.
   */
  abstract protected function texts(): array;

  public function buildQuickForm() {
    $texts = $this->texts();
    CRM_Utils_System::setTitle($texts['title']);
    $this->assign('question', $texts['question']);
    $this->addFormButtons($texts['button']);
  }

  public function getTemplateFileName() {
    return 'CRM/Share/Form/Confirm.tpl';
  }

}
